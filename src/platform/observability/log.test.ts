import { afterEach, describe, expect, it, vi } from 'vitest';

import { createLogger } from './log.ts';

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ level: 'debug', stream: { write: (line: string) => void lines.push(line) } }));
  return lines.join('');
}

afterEach(() => void vi.useRealTimers());

describe('createLogger', () => {
  it('gives each line its time, also where many are of one second', () => {
    const times = ['2026-12-31T23:59:59.007Z', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'];
    vi.useFakeTimers({ toFake: ['Date'] });
    const lines = logged((log) => {
      for (const time of times) {
        vi.setSystemTime(time);
        log.info('now');
      }
    });
    expect(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).time),
    ).toEqual(times);
  });

  it('G13: writes no secret, at the top of a line or within it', () => {
    const secret = 'sekret-value';
    const line = logged((log) =>
      log.info({
        authorization: secret,
        refresh_token: secret,
        headers: { cookie: secret, 'set-cookie': secret, host: 'localhost' },
        body: { params: { client_secret: secret, password: secret, code: secret } },
      }),
    );

    expect(line).not.toContain(secret);
    expect(line).toContain('"host":"localhost"');
    expect(line).toContain('[redacted]');
  });

  it('G13: writes of an error only what it is, not what it carries', () => {
    const error = Object.assign(new Error('failed', { cause: new Error('deeper') }), {
      code: 'E_TEST',
      request: { token: 'sekret-value' },
    });
    const line = logged((log) => log.error({ err: error }, 'request failed'));

    expect(line).not.toContain('sekret-value');
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      err: { type: 'Error', message: 'failed', error_code: 'E_TEST', cause: { message: 'deeper' } },
    });
  });

  it('V1: a line break in a value stays within its line', () => {
    const line = logged((log) => log.info({ agent: 'a\r\n{"level":"error"}\u001b[31m' }));

    expect(line.trimEnd().split('\n')).toHaveLength(1);
    expect(line).not.toContain('\u001b');
  });
});
