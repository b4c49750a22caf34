/** What may be bought, or is: see `matrix.mts`. */
import { expectations } from './expectations.mts';
import { playMatrix } from './matrix.mts';

playMatrix(expectations.filter(({ outcome }) => outcome !== 'rejected'));
