/** A line on standard error that says how far something is; on a terminal it is written over, elsewhere once. */
export interface Progress {
  show(text: string): void;
  /** Leaves the terminal as it was. */
  end(): void;
}

const CLEAR_LINE = '\r\u001b[K';

/** Standard output is left to the result. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let shown = false;
  return {
    show(text) {
      if (stream.isTTY) stream.write(`${CLEAR_LINE}${text}`);
      else if (!shown) stream.write(`${text}\n`);
      shown = true;
    },
    end() {
      if (stream.isTTY && shown) stream.write(CLEAR_LINE);
    },
  };
}
