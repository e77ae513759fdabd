/** What a command has to say: one document for programs, lines for people. */
export interface Result {
  readonly json: unknown;
  readonly text: string;
  /** For a command whose standard output is something else: the result goes to standard error. */
  readonly aside?: boolean;
  /** 1 when the command did what it was asked to, and what it found is not well. */
  readonly exitCode?: 0 | 1;
}

/** A column of a table: its heading, and what stands there. */
export type Column<Row> = readonly [heading: string, value: (row: Row) => string | undefined];

/**
 * Rows as aligned columns under headings, or `none` when there are none.
 *
 * Names come from people and from clients that named themselves: what could move the cursor or colour
 * the terminal is taken out.
 */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): string {
  if (rows.length === 0) return none;
  const lines = [
    columns.map(([heading]) => heading.toUpperCase()),
    ...rows.map((row) => columns.map(([, value]) => printable(value(row) ?? '-'))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((cells) => [...(cells[index] ?? '')].length)),
  );
  return lines
    .map((cells) =>
      cells.map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - [...cell].length)).join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Without control and direction characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** A number that was counted no further than `limit`. */
export function counted(number: number, limit: number): string {
  return number < limit ? String(number) : `${limit} or more`;
}

/** A time as people read it, to the minute, in UTC. */
export function minute(time: Date | undefined): string | undefined {
  return time && `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
