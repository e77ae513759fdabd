import { deflateSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { type Chunk, readChunks, writeChunks } from './chunks.ts';
import { ImageRefused, repackPng } from './index.ts';

interface Shape {
  readonly width?: number;
  readonly height?: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly interlace?: number;
}

function header({ width = 2, height = 2, depth = 8, colour = 6, interlace = 0 }: Shape = {}): Chunk {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colour, 0, 0, interlace], 8);
  return { type: 'IHDR', data };
}
const pixels = (bytes: Buffer): Chunk => ({ type: 'IDAT', data: deflateSync(bytes) });
const end: Chunk = { type: 'IEND', data: Buffer.alloc(0) };
const other = (type: string, data: string | Buffer = 'x'): Chunk => ({ type, data: Buffer.from(data) });
/** Two rows of two pixels of four bytes, unfiltered. */
const RGBA = Buffer.from('00ff0000ffff0000ff01000000ff000000ff', 'hex');
const SOUND = writeChunks([header(), pixels(RGBA), end]);

const typesOf = (png: Buffer) => readChunks(png).map(({ type }) => type);
const pixelsOf = (png: Buffer) =>
  inflateSync(readChunks(png).find(({ type }) => type === 'IDAT')?.data ?? Buffer.alloc(0));

describe('repackPng', () => {
  it('K6: keeps the pixels and nothing else', async () => {
    const payload = '<script>alert(1)</script>';
    const given = writeChunks([
      header(),
      other('tEXt', payload),
      other('iCCP', payload),
      other('acTL', payload),
      { type: 'IDAT', data: deflateSync(RGBA, { level: 0 }).subarray(0, 10) },
      { type: 'IDAT', data: deflateSync(RGBA, { level: 0 }).subarray(10) },
      other('zTXt', payload),
      end,
    ]);
    const packed = await repackPng(given);
    expect(typesOf(packed)).toEqual(['IHDR', 'IDAT', 'IEND']);
    expect(pixelsOf(packed)).toEqual(RGBA);
    expect(packed.includes(payload)).toBe(false);
    expect(await repackPng(packed)).toEqual(packed);
  });

  it('keeps a palette, filled up for every pixel there can be, and its transparency', async () => {
    const rows = Buffer.from([0, 0b01_11_00_00, 0, 0b10_00_00_00]);
    const packed = await repackPng(
      writeChunks([
        header({ depth: 2, colour: 3 }),
        other('PLTE', Buffer.from([255, 0, 0, 0, 255, 0])),
        other('tRNS', Buffer.from([0])),
        pixels(rows),
        end,
      ]),
    );
    expect(typesOf(packed)).toEqual(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
    expect(readChunks(packed)[1]?.data).toEqual(Buffer.from([255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0]));
  });

  it('drops a palette that is only a suggestion', async () => {
    const given = writeChunks([header(), other('PLTE', Buffer.from([1, 2, 3])), pixels(RGBA), end]);
    expect(typesOf(await repackPng(given))).toEqual(['IHDR', 'IDAT', 'IEND']);
  });

  const damaged = Buffer.from(SOUND);
  damaged.writeUInt8(damaged.readUInt8(20) ^ 1, 20);
  it.each([
    ['an SVG with a script', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')],
    ['a GIF', Buffer.from('GIF89a')],
    ['a JPEG', Buffer.from('ffd8ffe000104a464946', 'hex')],
    ['nothing', Buffer.alloc(0)],
    ['a signature alone', SOUND.subarray(0, 8)],
    ['half of one', SOUND.subarray(0, 40)],
    ['one without its end', writeChunks([header(), pixels(RGBA)])],
    ['one with something after it', Buffer.concat([SOUND, Buffer.from('<script>')])],
    ['a wrong check sum', damaged],
    [
      'a chunk that nobody knows and everybody needs',
      writeChunks([header(), other('EViL'), pixels(RGBA), end]),
    ],
    ['two headers', writeChunks([header(), header(), pixels(RGBA), end])],
    ['two images in one', writeChunks([header(), pixels(RGBA), end, pixels(RGBA), end])],
    ['no pixels', writeChunks([header(), end])],
    ['pixels that are no stream', writeChunks([header(), other('IDAT', 'no stream'), end])],
    ['too few pixels', writeChunks([header(), pixels(RGBA.subarray(1)), end])],
    ['too many pixels', writeChunks([header(), pixels(Buffer.concat([RGBA, RGBA])), end])],
    ['a bomb', writeChunks([header(), pixels(Buffer.alloc(50_000_000)), end])],
    ['a filter that there is not', writeChunks([header(), pixels(Buffer.from(RGBA).fill(5, 9, 10)), end])],
    ['an image without width', writeChunks([header({ width: 0 }), pixels(RGBA), end])],
    ['an image that is too wide', writeChunks([header({ width: 1025 }), pixels(RGBA), end])],
    ['an image that is four billion high', writeChunks([header({ height: 2 ** 32 - 1 }), pixels(RGBA), end])],
    ['a colour type that there is not', writeChunks([header({ colour: 5 }), pixels(RGBA), end])],
    ['a depth that the colour type has not', writeChunks([header({ depth: 4 }), pixels(RGBA), end])],
    ['an interlaced image', writeChunks([header({ interlace: 1 }), pixels(RGBA), end])],
    [
      'an indexed image without a palette',
      writeChunks([header({ colour: 3 }), pixels(Buffer.alloc(6)), end]),
    ],
    [
      'a palette that is too long',
      writeChunks([
        header({ colour: 3, depth: 1 }),
        other('PLTE', Buffer.alloc(9)),
        pixels(Buffer.alloc(4)),
        end,
      ]),
    ],
    [
      'a transparency where pixels have their own',
      writeChunks([header(), other('tRNS', Buffer.alloc(6)), pixels(RGBA), end]),
    ],
  ])('K6: refuses %s', async (_what, bytes) => {
    await expect(repackPng(bytes)).rejects.toThrow(ImageRefused);
  });
});
