import { secretFromAddress } from './signin'

/** given is the code that the page was opened with, if any: taken at once, so that the address bar never keeps it. */
export const given = secretFromAddress()
