import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import { InvalidInput } from '../../kernel/errors.ts';

import { damaged, truncated } from './format.ts';

/** Bytes of the longest line: far beyond any row, and little enough to be held. */
const LONGEST = 64 * 1024 * 1024;
const LINE_END = 0x0a;

/**
 * The lines of a compressed stream, without their ends. The stream is read as fast as the lines are asked
 * for, and destroyed when no more are wanted.
 *
 * @throws InvalidInput when it is not what `writeBackup` writes, or not all of it.
 */
export async function* readLines(source: Readable): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const flowing = pipeline(source, gunzip);
  // Its failure reaches the loop below through `gunzip`.
  flowing.catch(() => undefined);
  let rest: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(LINE_END); at !== -1; at = chunk.indexOf(LINE_END, from)) {
        yield Buffer.concat([...rest, chunk.subarray(from, at)]);
        rest = [];
        length = 0;
        from = at + 1;
      }
      rest.push(chunk.subarray(from));
      length += chunk.length - from;
      if (length > LONGEST) throw damaged();
    }
  } catch (error) {
    throw explained(error);
  }
  if (length > 0) throw truncated();
}

/** What zlib says about a stream, in our words. */
function explained(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (!code?.startsWith('Z_')) return error;
  const { message } = error as Error;
  if (message === 'unexpected end of file') return truncated(error);
  if (message === 'incorrect header check') {
    return new InvalidInput('this is no backup of Gatehouse', { cause: error });
  }
  return damaged(error);
}
