import type { Config } from '../config/config.ts';
import { describeRevocationDelay } from '../domain/tokens/index.ts';

/** Returns the sentence with which a command that ends access says when the tokens stop working that are out. */
export function issuedBefore({ lifetimes }: Pick<Config, 'lifetimes'>): string {
  return `Tokens that were issued before stop working ${describeRevocationDelay(lifetimes.accessToken)}.`;
}
