/** Controls, lone surrogates, private characters, and everything that is not seen or turns the direction of text. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Co}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;
/** Marks that are stacked on one character until they cover the lines around it; no script needs so many. */
const STACKED = /(\p{M}{3})\p{M}+/gu;

/**
 * One line of somebody else's words as people may be shown them: white space folded, nothing in it that is unseen, that
 * reorders text or that reaches over its neighbours, and no more than `max` characters. Empty when nothing is left.
 */
export function plainText(value: string, max: number): string {
  // Far more than is kept, so that what is very long is not read to its end.
  const clean = value
    .slice(0, max * 16)
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(UNSEEN, '')
    .replace(STACKED, '$1')
    .trim();
  return [...clean].slice(0, max).join('').trim();
}
