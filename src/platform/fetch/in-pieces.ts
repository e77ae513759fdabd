import { Duplex } from 'node:stream';

/** Bytes that are handed on at once. */
const PIECE = 1024;

/**
 * The same connection, read in small pieces, and no further than whoever reads wants. A parser works through all
 * that it was handed, even when the first of it was enough to hang up, and what a stranger sends may have been
 * made to be much work: thousands of answers, or of chunks of one byte, in one block of a socket.
 */
export function inPieces(connection: Duplex): Duplex {
  const pieces = new Duplex({
    read: () => connection.resume(),
    write: (chunk, encoding, done) => connection.write(chunk, encoding, done),
    final: (done) => connection.end(done),
    destroy: (error, done) => {
      connection.destroy();
      done(error);
    },
  });
  connection.on('data', (block: Buffer) => {
    let wanted = true;
    for (let at = 0; at < block.length && !pieces.destroyed; at += PIECE)
      wanted = pieces.push(block.subarray(at, at + PIECE));
    if (!wanted) connection.pause();
  });
  connection.once('end', () => pieces.push(null));
  connection.once('error', (error) => pieces.destroy(error));
  connection.once('close', () => pieces.destroy());
  return pieces;
}
