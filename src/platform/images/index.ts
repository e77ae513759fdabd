/**
 * Images that somebody else gave us, made safe to show.
 *
 * Only PNG, because what must be understood of it to pack it anew is little, and is here; every other
 * format would need a decoder that we would have to trust.
 */

export { ImageRefused } from './errors.ts';
export { repackPng } from './repack-png.ts';
