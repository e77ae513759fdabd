/** Names that tests and the benchmark read, and that Kubernetes makes for a service named `gatehouse`. */
const NOT_SETTINGS = /^GATEHOUSE_(TEST_|FUZZ_|BENCH_|FAULTS_|SERVICE_(HOST|PORT)|PORT(_|$))/;

/** Letters that a mistyped name may differ in. */
const MAX_DISTANCE = 4;

/** Returns a warning for each `GATEHOUSE_*` variable that is no setting, with the nearest one. */
export function unknownSettings(names: readonly string[], known: readonly string[]): readonly string[] {
  return names
    .filter((name) => name.startsWith('GATEHOUSE_') && !NOT_SETTINGS.test(name) && !known.includes(name))
    .map((name) => {
      const [nearest] = known
        .map((other) => ({ other, distance: distanceOf(name, other) }))
        .filter(({ distance }) => distance <= MAX_DISTANCE)
        .toSorted((a, b) => a.distance - b.distance);
      const hint = nearest ? `did you mean ${nearest.other}?` : 'see .env.example for all settings';
      return `${name}: there is no such setting, so it has no effect; ${hint}`;
    });
}

/** Levenshtein distance. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, n) => n);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, against] of [...other].entries()) {
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === against ? 0 : 1)),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
