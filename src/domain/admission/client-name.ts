import type { ClientIdentity } from './identity.ts';

/** Longest name, in characters, of a client that chose it itself: more than a name is a message to the person. */
const MAX_SELF_CHOSEN_NAME = 40;

/** Returns whether the client chose its name and no administrator confirmed it; pages then put it in quotes. */
export function choseItsName(identity: ClientIdentity): boolean {
  return identity === 'unverified' || identity === 'registration_token';
}

/** Returns the name of a client as pages show it. */
export function displayedName(name: string, identity: ClientIdentity): string {
  return choseItsName(identity) ? shortName(name) : name;
}

/** Returns the name of a client as a sentence shows it: in quotes where the client chose it itself. */
export function nameInText(name: string, identity: ClientIdentity): string {
  return choseItsName(identity) ? `“${shortName(name)}”` : name;
}

/** Cuts a name to the length that a self-chosen one may have. */
export function shortName(name: string): string {
  const characters = [...name];
  if (characters.length <= MAX_SELF_CHOSEN_NAME) return name;
  return `${characters
    .slice(0, MAX_SELF_CHOSEN_NAME - 1)
    .join('')
    .trimEnd()}…`;
}
