import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';

import { type Chunk, readChunks, writeChunks } from './chunks.ts';
import { ImageRefused } from './errors.ts';
import { type Header, readHeader } from './header.ts';

const inflated = promisify(inflate);
const deflated = promisify(deflate);

/** PNG third edition §9.2: five ways to filter a row. */
const FILTERS = 5;

/**
 * Takes a PNG apart and packs its pixels anew: what comes out has a header, perhaps a palette and a
 * transparency, and pixels, and nothing else of what came in. Text, profiles, animations, and whatever
 * another program could see in the same bytes, are gone.
 *
 * @throws ImageRefused for everything that is not a small, whole, plain PNG.
 */
export async function repackPng(bytes: Buffer): Promise<Buffer> {
  const chunks = readChunks(bytes);
  // A capital: without understanding this chunk nobody may show the image.
  const critical = chunks.filter(({ type }) => /^[A-Z]/.test(type)).map(({ type }) => type);
  if (!/^IHDR,(?:PLTE,)?(?:IDAT,)+IEND$/.test(critical.join(','))) throw new ImageRefused('chunks');
  const [first] = chunks;
  if (!first) throw new ImageRefused('not_whole');
  const header = readHeader(first.data);
  const palette = readPalette(header, chunks);
  const transparency = readTransparency(header, chunks, palette);
  const pixels = await readPixels(header, chunks);
  return writeChunks([
    first,
    ...(palette ? [{ type: 'PLTE', data: palette }] : []),
    ...(transparency ? [{ type: 'tRNS', data: transparency }] : []),
    { type: 'IDAT', data: await deflated(pixels) },
    { type: 'IEND', data: Buffer.alloc(0) },
  ]);
}

/** The palette of an image that has its colours there, filled up, so that no pixel names one that is missing. */
function readPalette({ indexes }: Header, chunks: readonly Chunk[]): Buffer | undefined {
  if (indexes === 0) return undefined;
  const given = chunks.find(({ type }) => type === 'PLTE')?.data;
  if (!given || given.length === 0 || given.length % 3 !== 0 || given.length > indexes * 3)
    throw new ImageRefused('palette');
  return Buffer.concat([given, Buffer.alloc(indexes * 3 - given.length)]);
}

function readTransparency(
  { transparency: bytes, indexes }: Header,
  chunks: readonly Chunk[],
  palette: Buffer | undefined,
): Buffer | undefined {
  const given = chunks.filter(({ type }) => type === 'tRNS').map(({ data }) => data);
  const [only] = given;
  if (!only) return undefined;
  const fits = palette ? only.length > 0 && only.length <= indexes : only.length === bytes;
  if (given.length > 1 || !fits) throw new ImageRefused('transparency');
  return only;
}

async function readPixels({ rows, rowBytes }: Header, chunks: readonly Chunk[]): Promise<Buffer> {
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  const size = rows * rowBytes;
  const pixels = await inflated(packed, { maxOutputLength: size }).catch(() => {
    throw new ImageRefused('pixels');
  });
  if (pixels.length !== size) throw new ImageRefused('pixels');
  for (let at = 0; at < size; at += rowBytes)
    if ((pixels[at] ?? FILTERS) >= FILTERS) throw new ImageRefused('pixels');
  return pixels;
}
