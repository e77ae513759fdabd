import { crc32 } from 'node:zlib';

import { ImageRefused } from './errors.ts';

/** A part of a PNG (PNG third edition §5.3). */
export interface Chunk {
  /** Four letters; the first is a capital where the image cannot be shown without it. */
  readonly type: string;
  readonly data: Buffer;
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** Length, type and check sum. */
const FRAME = 12;

/** The chunks of a PNG, each with a right check sum, from the header to the end and with nothing after it. */
export function readChunks(bytes: Buffer): readonly Chunk[] {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new ImageRefused('not_png');
  const chunks: Chunk[] = [];
  let at = SIGNATURE.length;
  while (at < bytes.length) {
    if (bytes.length - at < FRAME) throw new ImageRefused('cut_off');
    const length = bytes.readUInt32BE(at);
    if (length > bytes.length - at - FRAME) throw new ImageRefused('cut_off');
    const type = bytes.toString('latin1', at + 4, at + 8);
    const named = bytes.subarray(at + 4, at + 8 + length);
    if (crc32(named) !== bytes.readUInt32BE(at + 8 + length)) throw new ImageRefused('check_sum');
    chunks.push({ type, data: named.subarray(4) });
    at += FRAME + length;
  }
  if (chunks[0]?.type !== 'IHDR' || chunks.at(-1)?.type !== 'IEND') throw new ImageRefused('not_whole');
  return chunks;
}

export function writeChunks(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.flatMap(({ type, data }) => {
    const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(named));
    return [length, named, sum];
  });
  return Buffer.concat([SIGNATURE, ...parts]);
}
