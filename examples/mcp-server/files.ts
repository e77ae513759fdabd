/** The files of one person: path to text. */
export interface Files {
  list(folder: string): readonly string[];
  read(path: string): string | undefined;
  /** Lines that contain the text, as `path:line: text`. */
  search(text: string): readonly string[];
  /** False when the person's space is full. */
  write(path: string, text: string): boolean;
  remove(path: string): boolean;
}

/** Keeps the files of everybody, each person's apart from all others'. */
export interface FileStore {
  of(owner: string): Files;
}

const MAX_OWNERS = 1_000;
const MAX_FILES = 200;
const MAX_MATCHES = 100;

const samples: ReadonlyMap<string, string> = new Map([
  ['README.md', '# Team Files\n\nA few files to try an assistant on. They live in memory.\n'],
  ['meetings/2026-11-02.md', '# Planning\n\n- Decide on the launch date\n- Ana writes the announcement\n'],
  ['meetings/2026-11-16.md', '# Retrospective\n\n- The launch went well\n- Fewer meetings next month\n'],
  ['plans/launch.md', '# Launch\n\nThe launch is on 1 December. The budget is 12,000.\n'],
  ['plans/hiring.md', '# Hiring\n\nOne engineer, one designer, both in spring.\n'],
]);

/**
 * Creates an in-memory store in which everybody begins with the same sample files.
 *
 * Bounded: the person who was away longest makes room for a new one.
 */
export function createFileStore(): FileStore {
  const owners = new Map<string, Files>();
  return {
    of(owner) {
      const files = owners.get(owner) ?? createFiles();
      owners.delete(owner);
      owners.set(owner, files);
      const [oldest] = owners.keys();
      if (owners.size > MAX_OWNERS && oldest !== undefined) owners.delete(oldest);
      return files;
    },
  };
}

function createFiles(): Files {
  const texts = new Map(samples);
  return {
    list(folder) {
      const prefix = folder === '' ? '' : `${folder.replace(/(?<!\/)\/+$/, '')}/`;
      return [...texts.keys()].filter((path) => path.startsWith(prefix)).sort();
    },
    read: (path) => texts.get(path),
    search(text) {
      const wanted = text.toLowerCase();
      const lines = [...texts].flatMap(([path, content]) =>
        content.split('\n').map((line, index) => ({ place: `${path}:${index + 1}`, line })),
      );
      const matches = lines.filter(({ line }) => line.toLowerCase().includes(wanted));
      return matches.slice(0, MAX_MATCHES).map(({ place, line }) => `${place}: ${line}`);
    },
    write(path, text) {
      if (!texts.has(path) && texts.size >= MAX_FILES) return false;
      texts.set(path, text);
      return true;
    },
    remove: (path) => texts.delete(path),
  };
}
