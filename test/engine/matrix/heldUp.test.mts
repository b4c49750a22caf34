/** What holds up, or ends, all that follows: see `matrix.mts`. */
import { expectations } from './expectations.mts';
import { playMatrix } from './matrix.mts';

playMatrix(expectations.filter(({ httpCode }) => [401, 429].includes(httpCode ?? 0)));
