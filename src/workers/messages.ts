import type { Worker } from 'node:cluster';

/** What the primary may ask a worker: whether its event loop turns, whether it is ready, and what it counted. */
export type Question = 'alive' | 'ready' | 'metrics';

/** The primary asks. */
interface Asked {
  readonly ask: Question;
  readonly id: number;
}

/** The worker answers, with a text or with what kept it from answering. */
interface Answered {
  readonly id: number;
  readonly answer?: string;
  readonly failure?: string;
}

/** The worker is to finish what it has begun, and to end. */
export const LEAVE = 'leave';

/** Milliseconds. */
const PATIENCE = 3_000;
let lastId = 0;

/** Asks a worker. Rejects when it fails, or says nothing for so many milliseconds. */
export async function ask(worker: Worker, question: Question, patience = PATIENCE): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lastId += 1;
  const id = lastId;
  const hear = (message: unknown) => {
    if (!isAnswer(message) || message.id !== id) return;
    if (message.answer === undefined) reject(new Error(message.failure ?? 'no answer'));
    else resolve(message.answer);
  };
  const timer = setTimeout(reject, patience, new Error(`no answer after ${patience} ms`));
  worker.on('message', hear);
  try {
    worker.send({ ask: question, id } satisfies Asked, (error) => {
      if (error) reject(error);
    });
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.off('message', hear);
  }
}

/** Answers the primary from now on, in the process of a worker. */
export function answerPrimary(answers: Readonly<Record<Question, () => Promise<string>>>): void {
  process.on('message', async (message: unknown) => {
    if (!isQuestion(message)) return;
    const { id } = message;
    const answered: Answered = await answers[message.ask]().then(
      (answer) => ({ id, answer }),
      (error: unknown) => ({ id, failure: error instanceof Error ? error.message : String(error) }),
    );
    // Nobody to tell any more: the primary is gone, and so are we, soon.
    process.send?.(answered, undefined, {}, () => undefined);
  });
}

function isQuestion(message: unknown): message is Asked {
  return typeof message === 'object' && message !== null && 'ask' in message && 'id' in message;
}

function isAnswer(message: unknown): message is Answered {
  return typeof message === 'object' && message !== null && 'id' in message && !('ask' in message);
}
