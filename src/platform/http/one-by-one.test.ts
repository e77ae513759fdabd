import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as round } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { oneByOne } from './one-by-one.ts';

/** What was let in, in order, and a way to ask. */
function start() {
  const begun: (string | undefined)[] = [];
  const listener = oneByOne(
    ({ url }) => {
      begun.push(url);
    },
    ({ url }) => url !== '/token',
  );
  const ask = (url: string) => listener({ url } as IncomingMessage, {} as ServerResponse);
  return { begun, ask };
}

it('lets one in each round of the event loop, in order, and at once what cannot wait', async () => {
  const { begun, ask } = start();
  for (const path of ['/a', '/b', '/token', '/c']) ask(path);
  expect(begun).toEqual(['/token']);
  await round();
  expect(begun).toEqual(['/token', '/a']);
  ask('/token');
  ask('/d');
  expect(begun.slice(2)).toEqual(['/token']);
  await round();
  expect(begun.slice(3)).toEqual(['/b']);
  await round();
  await round();
  expect(begun.slice(4)).toEqual(['/c', '/d']);
  ask('/e');
  await round();
  expect(begun.slice(6)).toEqual(['/e']);
});
