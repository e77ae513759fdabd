import type { Context, Middleware } from 'koa';

/** Authorization requests of one process that are worked on at once. */
const AT_ONCE = 2;
/** Milliseconds that one lets others go before it. */
const PATIENCE = 5_000;
/** Milliseconds that the next lets token requests go first, which take as long each; one that comes alone has its turn at once. */
const DEFERENCE = 10;

/** The turn of one request: taken, left for as long as it waits for somebody else, and left in the end. */
interface Turn {
  take(): Promise<void>;
  leave(): void;
}

const turnOf = new WeakMap<object, Turn>();

/**
 * Has authorization requests take turns, so that however many come at once, a token request waits behind the
 * few that are worked on and not behind all, and the next does not begin while one is under way. One costs several
 * times what a token request does, and whoever sends it needs to be nobody; a person does not notice that others were
 * before them.
 *
 *     whole( what may be refused for being too much … begin( the work ) … the record of a refusal )
 *
 * What is refused for being too much never waits for a turn: a flood of it keeps nobody else from theirs. Whoever
 * waited for long is worked on out of turn, so where the store is slow it says so to everybody in time.
 */
export function takeTurns(): { readonly whole: Middleware; readonly begin: Middleware } {
  let tokens = 0;
  const { newTurn, handOn } = createTurns(() => tokens > 0);

  /** Keeps who is next waiting until it is over. */
  async function first(next: () => Promise<unknown>): Promise<void> {
    tokens += 1;
    try {
      await next();
    } finally {
      tokens -= 1;
      handOn();
    }
  }

  return {
    whole: async (ctx, next) => {
      if (ctx.path === '/token') return first(next);
      if (!isAuthorization(ctx)) return next();
      const turn = newTurn();
      turnOf.set(ctx.req, turn);
      try {
        await next();
      } finally {
        turn.leave();
      }
    },
    begin: async (ctx, next) => {
      await turnOf.get(ctx.req)?.take();
      return next();
    },
  };
}

/** Does something that takes time and little work, with the turn of this request left to others meanwhile. */
export async function aside<T>(ctx: Pick<Context, 'req'> | undefined, work: () => Promise<T>): Promise<T> {
  const turn = ctx && turnOf.get(ctx.req);
  if (!turn) return work();
  turn.leave();
  try {
    return await work();
  } finally {
    await turn.take();
  }
}

function isAuthorization({ path }: Context): boolean {
  return path === '/authorize' || path.startsWith('/authorize/');
}

/** Turns in the order in which they are asked for; who is next waits while there is something more urgent, and not for long. */
function createTurns(isBusy: () => boolean): { newTurn(): Turn; handOn(): void } {
  const line = new Set<(mine: boolean) => void>();
  let free = AT_ONCE;
  let deferring = false;

  /** Answers whether there is something to give back. */
  async function take(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    line.add(resolve);
    handOn();
    const timer = setTimeout(() => {
      line.delete(resolve);
      resolve(false);
    }, PATIENCE);
    return promise.finally(() => clearTimeout(timer));
  }

  function handOn(): void {
    while (free > 0 && line.size > 0 && !isBusy()) giveNext();
    if (free === 0 || line.size === 0 || deferring) return;
    deferring = true;
    setTimeout(() => {
      deferring = false;
      giveNext();
      handOn();
    }, DEFERENCE);
  }

  function giveNext(): void {
    const [next] = line;
    if (!next || free === 0) return;
    line.delete(next);
    free -= 1;
    next(true);
  }

  return {
    handOn,
    newTurn() {
      let taken = false;
      return {
        async take() {
          taken = await take();
        },
        leave() {
          if (!taken) return;
          taken = false;
          free += 1;
          handOn();
        },
      };
    },
  };
}
