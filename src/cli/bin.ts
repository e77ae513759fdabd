#!/usr/bin/env node
import '../compiled-cache.ts';

const args = process.argv.slice(2);

// A reader that has seen enough, for example `| head`, is no failure. Half a backup is one, and says so itself.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (args[0] !== 'backup') process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const { run } = await import('./run.ts');
process.exitCode = await run(args);
