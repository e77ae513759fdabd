/**
 * Refuses an option that does not exist and an option that is missing, by name: a mistyped option that is
 * ignored would leave a server less protected than its configuration says.
 *
 * @throws TypeError
 */
export function checkOptionNames(
  caller: string,
  options: object,
  { known, required }: { readonly known: readonly string[]; readonly required: readonly string[] },
): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = known.find((candidate) => isNear(candidate.toLowerCase(), name.toLowerCase()));
    const hint = nearest === undefined ? `It has ${known.join(', ')}.` : `Did you mean "${nearest}"?`;
    throw new TypeError(`${caller} has no option "${name}". ${hint}`);
  }
  const missing = required.find((name) => (options as Record<string, unknown>)[name] === undefined);
  if (missing !== undefined) throw new TypeError(`${caller} needs the option "${missing}"`);
}

/** Whether two words differ by at most two insertions, deletions or replacements of a letter. */
function isNear(a: string, b: string): boolean {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [at, letter] of [...a].entries()) {
    const next = [at + 1];
    for (const [column, other] of [...b].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return (row[b.length] ?? 0) <= 2;
}
