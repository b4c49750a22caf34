/** What is certainly not bought: see `matrix.mts`. */
import { expectations } from './expectations.mts';
import { playMatrix } from './matrix.mts';

playMatrix(expectations.filter(({ outcome, httpCode }) => outcome === 'rejected' && ![401, 429].includes(httpCode ?? 0)));
