import { ImageRefused } from './errors.ts';

/** Pixels of one side. */
const MAX_SIDE = 1024;

const INDEXED = 3;
/** Samples of a pixel and the depths that they may have, by colour type (PNG third edition §11.2.1). */
const COLOURS: ReadonlyMap<number, { readonly samples: number; readonly depths: readonly number[] }> =
  new Map([
    [0, { samples: 1, depths: [1, 2, 4, 8, 16] }],
    [2, { samples: 3, depths: [8, 16] }],
    [INDEXED, { samples: 1, depths: [1, 2, 4, 8] }],
    [4, { samples: 2, depths: [8, 16] }],
    [6, { samples: 4, depths: [8, 16] }],
  ]);

/** What the header of a PNG says, as far as it matters for its pixels. */
export interface Header {
  readonly rows: number;
  /** Bytes of a row, with the one before it that says how it is filtered. */
  readonly rowBytes: number;
  /** Entries of the palette that the pixels can name; 0 when they name none. */
  readonly indexes: number;
  /** Bytes of the transparency chunk; `undefined` where there may be none, or it has one for each entry of the palette. */
  readonly transparency: number | undefined;
}

/** Reads the header of an image that is small, whole and not interlaced. */
export function readHeader(data: Buffer): Header {
  if (data.length !== 13) throw new ImageRefused('header');
  const width = data.readUInt32BE(0);
  const height = data.readUInt32BE(4);
  const [depth = 0, type = -1, compression, filter, interlace] = data.subarray(8);
  const colour = COLOURS.get(type);
  if (!colour?.depths.includes(depth) || compression !== 0 || filter !== 0) throw new ImageRefused('header');
  if (interlace !== 0) throw new ImageRefused('interlaced');
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) throw new ImageRefused('dimensions');
  return {
    rows: height,
    rowBytes: 1 + Math.ceil((width * colour.samples * depth) / 8),
    indexes: type === INDEXED ? 2 ** depth : 0,
    transparency: type === 0 ? 2 : type === 2 ? 6 : undefined,
  };
}
