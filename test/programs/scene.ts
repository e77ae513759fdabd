import { afterAll, afterEach, beforeAll } from 'vitest';

import { type Browser, launchBrowser } from '../support/browser.ts';
import { describeWith } from '../support/requirements.ts';
import { type Stack, startStack } from '../support/stack.ts';

import type { ClientProgram, Program } from './client-program.ts';
import { createHome, type Home } from './home.ts';
import { addUser, type User } from './user.ts';

/** A new user with one program on their computer, beside the server and the example. */
export interface Scene extends Pick<Stack, 'server'> {
  readonly user: User;
  readonly home: Home;
  readonly program: ClientProgram;
}

export interface SceneOptions {
  /** Registers a client for the program and returns its id; without it the program registers itself. */
  readonly register?: (server: Stack['server']) => Promise<string | undefined>;
  /** Has the user sign in at the first authorization request, with password and code. */
  readonly signedOut?: boolean;
}

/** Opens a scene, which is closed after the test; what went wrong in its browser fails the test. */
export type Open = (program: Program, options?: SceneOptions) => Promise<Scene>;

export interface StoryOptions {
  /** Of the server. */
  readonly env: Readonly<Record<string, string>>;
  /** Where clients publish their metadata documents. */
  readonly fetch?: typeof globalThis.fetch;
  /** Folder of the package whose dependencies the programs are. */
  readonly packages?: string;
}

/** A suite of stories that share one server and one browser. */
export function describeStories(
  title: string,
  { env, fetch, packages }: StoryOptions,
  stories: (open: Open) => void,
): void {
  describeWith('browser', title, () => {
    let stack: Stack;
    let browser: Browser;
    const scenes: Scene[] = [];

    beforeAll(async () => {
      [stack, browser] = await Promise.all([startStack(env, fetch && { fetch }), launchBrowser()]);
    });

    afterEach(async () => {
      for (const { user, home } of scenes.splice(0)) {
        await user.close();
        await home.remove();
        user.check();
      }
    });

    afterAll(async () => {
      await browser.close();
      await stack.stop();
    });

    stories(async ({ install }, { register, signedOut = false } = {}) => {
      const { server, resource } = stack;
      const clientId = await register?.(server);
      const user = await addUser(server, browser, { signedOut });
      const home = createHome({ browserUrl: user.browserUrl, packages });
      const scene = { server, user, home, program: await install(home, resource, { clientId }) };
      scenes.push(scene);
      return scene;
    });
  });
}
