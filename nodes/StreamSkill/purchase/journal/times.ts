/**
 * How many milliseconds it may take to claim an order, from the first write on. By then somebody may have found the order
 * uncertain, have looked in the account, and have confirmed that it was not bought.
 */
export const CLAIMED_WITHIN = 15_000;

/** For how many milliseconds a claim is good that is not used. */
export const CLAIM_LASTS = 1000;

/** For how many milliseconds an execution that has its list for itself need not look whether others have come to share it. */
export const ALONE_FOR = 500;

/** After so many milliseconds it has noticed them, or what it has written does not count. */
export const NOTICED_WITHIN = 1900;

/** For how many milliseconds those wait who come: a little longer. */
export const SHARED_AFTER = 2000;
