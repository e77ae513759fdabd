/**
 * One-time links: the one secret that may stand in an address.
 *
 *     issueLink ──▶ printed or sent ──▶ openLink (a GET, changes nothing) ──▶ spendLink (a POST, once)
 *                                           endLinksOf ──▶ unusable
 *
 * A link is bound to its purpose, its person and the address that it was made for. Only the hash of its
 * token is stored; the database's time decides whether it expired, and the row count of one statement
 * decides who used it.
 *
 * Does not own: what using a link makes (`domain/users`), or its pages (`sign-in`).
 */

export {
  endLinksOf,
  forgetEveryLink,
  type IssuedLink,
  issueLink,
  type LinkPurpose,
  lookUpLink,
  openLinkExpiries,
  spendLink,
  sweepLinks,
} from './links.ts';
