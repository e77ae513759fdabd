import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { UsageError } from './failure.ts';

/**
 * Writes a file that is whole or is not there: under another name first, readable by its owner only, and on the
 * disk before it takes the place of one that may have had the name.
 *
 * @throws UsageError when nothing can be written there.
 */
export async function writeWholeFile<T>(path: string, fill: (sink: Writable) => Promise<T>): Promise<T> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.part`;
  const file = await opened(draft, 'wx');
  try {
    const result = await fill(file.createWriteStream({ flush: true }));
    await rename(draft, path);
    await flushDirectory(dirname(path));
    return result;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}

/** @throws UsageError when the file cannot be read. */
export async function readWholeFile(path: string): Promise<Readable> {
  return (await opened(path, 'r')).createReadStream();
}

async function opened(path: string, flags: 'r' | 'wx'): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    const what = flags === 'r' ? 'read' : 'written';
    throw new UsageError(`The file ${path} cannot be ${what}: ${(error as Error).message}`);
  }
}

/** So that the new name outlives a power cut, too. Not every system lets a directory be opened. */
async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}
