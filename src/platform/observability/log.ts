import { type DestinationStream, destination, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger } from 'pino';

interface Settings {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where the lines go; standard error by default, so that standard output belongs to the command. */
  readonly stream?: DestinationStream;
}

/** Members that are never written, at the top of a line or up to two levels down. */
const SECRETS = [
  'access_token',
  'assertion',
  'authorization',
  'client_assertion',
  'client_secret',
  'code',
  'code_verifier',
  'cookie',
  'csrf',
  'dpop',
  'id_token',
  'otpauth_uri',
  'password',
  'refresh_token',
  'secret',
  'seed',
  'set-cookie',
  'subject_token',
  'actor_token',
  'token',
] as const;

/** Written when there are so many bytes, or after so many milliseconds. */
const STANDARD_ERROR = { dest: 2, sync: false, minLength: 4096, periodicFlush: 100 };

/** Characters of a message or a stack. Some libraries repeat their whole input in theirs. */
const MAX_TEXT = 2_000;

/** Causes of an error that are followed. */
const MAX_CAUSES = 3;

/**
 * JSON lines with RFC 3339 times. What could be a secret is replaced by `[redacted]`.
 *
 * Lines are written while the process does something else, many at once under load, at the latest after
 * a tenth of a second, and to the last one when it exits.
 */
export function createLogger({ level, stream = destination(STANDARD_ERROR) }: Settings): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: createTimestamp(),
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (error: unknown) => describeError(error, MAX_CAUSES) },
    redact: { paths: SECRETS.flatMap(pathsOf), censor: '[redacted]' },
  };
  return pino(options, stream);
}

/** RFC 3339 in milliseconds. Spelled once for each second, since there is a line for each request. */
function createTimestamp(): () => string {
  let second = Number.NaN;
  let spelled = '';
  return () => {
    const now = Date.now();
    const millisecond = now % 1000;
    if (now - millisecond !== second) {
      second = now - millisecond;
      spelled = new Date(second).toISOString().slice(0, -4);
    }
    return `,"time":"${spelled}${String(millisecond).padStart(3, '0')}Z"`;
  };
}

function pathsOf(key: string): readonly string[] {
  const member = `["${key}"]`;
  return [member, `*${member}`, `*.*${member}`];
}

/** Only what is known to be there: an error of a library may carry the request that caused it. */
function describeError(error: unknown, causes: number): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  return {
    type: error.name,
    message: error.message.slice(0, MAX_TEXT),
    ...('code' in error && typeof error.code === 'string' ? { error_code: error.code } : {}),
    stack: error.stack?.slice(0, MAX_TEXT),
    ...(error.cause === undefined || causes === 0 ? {} : { cause: describeError(error.cause, causes - 1) }),
  };
}
