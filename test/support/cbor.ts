/** As much of CBOR as WebAuthn needs. */
export type CborValue = number | string | Buffer | Map<CborValue, CborValue>;

/** Encodes with the shortest lengths (RFC 8949 §4.2.1); maps keep the order that they were made in. */
export function encodeCbor(value: CborValue): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    return Buffer.concat([head(3, text.length), text]);
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const entries = [...value].flatMap(([key, entry]) => [encodeCbor(key), encodeCbor(entry)]);
  return Buffer.concat([head(5, value.size), ...entries]);
}

/** Major type and argument (RFC 8949 §3). */
function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((major << 5) | argument);
  if (argument < 0x100) return Buffer.of((major << 5) | 24, argument);
  const wide = Buffer.alloc(3);
  wide.writeUInt8((major << 5) | 25);
  wide.writeUInt16BE(argument, 1);
  return wide;
}
