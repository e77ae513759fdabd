import { UsageError } from './failure.ts';

/** Reads `files:read=Read your files`: the scope ends at the first "=". */
export function readScopeSentence(text: string): { readonly scope: string; readonly description: string } {
  const at = text.indexOf('=');
  if (at < 1) {
    throw new UsageError(
      `Write a scope with the sentence that people read, for example --scope '${text}=Read your files'.`,
    );
  }
  return { scope: text.slice(0, at), description: text.slice(at + 1) };
}
