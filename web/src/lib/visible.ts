// What is not seen, or changes how its neighbours are: controls, marks that
// turn the writing's direction, and space of no width. Joiners stay: scripts
// and emoji need them.
const unseen = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

/** visible is a text with what nobody would see of it written out. */
export const visible = (name: string) => name.replace(unseen, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
