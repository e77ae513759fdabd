import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { networkKey } from '../../kernel/network.ts';
import { createMemoryCounter } from './memory.ts';
import { createThrottle } from './throttle.ts';

describe('createThrottle, without Redis', () => {
  it('allows as many as the limit says and refuses the next with the time to wait', async () => {
    const limiter = createThrottle({ enabled: true }).limiter('test', { points: 3, seconds: 60 });

    for (let i = 0; i < 3; i += 1) expect((await limiter.take('a')).allowed).toBe(true);
    const refused = await limiter.take('a');

    expect(refused.allowed).toBe(false);
    expect(refused.retryAfter).toBeGreaterThan(58);
    expect((await limiter.take('b')).allowed).toBe(true);
  });

  it('peeks without using anything up, and forgets on reset', async () => {
    const limiter = createThrottle({ enabled: true }).limiter('test', { points: 1, seconds: 60 });

    expect((await limiter.peek('a')).allowed).toBe(true);
    await limiter.take('a');
    expect((await limiter.peek('a')).allowed).toBe(false);
    await limiter.reset('a');
    expect((await limiter.peek('a')).allowed).toBe(true);
  });

  it('does not let refused attempts make the window longer', async () => {
    vi.useFakeTimers();
    try {
      const limiter = createThrottle({ enabled: true }).limiter('test', { points: 1, seconds: 10 });
      await limiter.take('a');
      vi.advanceTimersByTime(9_000);
      expect(await limiter.take('a')).toEqual({ allowed: false, retryAfter: 1 });
      vi.advanceTimersByTime(1_000);
      expect((await limiter.take('a')).allowed).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('X5: holds no more keys than it may, however many are tried', async () => {
    const counter = createMemoryCounter(60, { maxKeys: 10 });
    await counter.add('first', 1);
    for (let i = 0; i < 10; i += 1) await counter.add(randomUUID(), 1);
    await counter.add('last', 1);

    expect(await counter.get('first')).toBeUndefined();
    expect((await counter.get('last'))?.consumed).toBe(1);
  });

  it('treats __proto__ as a key like any other', async () => {
    const limiter = createThrottle({ enabled: true }).limiter('test', { points: 1, seconds: 60 });

    expect((await limiter.take('__proto__')).allowed).toBe(true);
    expect((await limiter.take('__proto__')).allowed).toBe(false);
  });
});

describe('networkKey', () => {
  it('takes an IPv4 address as it is and an IPv6 address by its /64', () => {
    expect(networkKey('192.0.2.7')).toBe('192.0.2.7');
    expect(networkKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(networkKey('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(networkKey('::1')).toBe('0:0:0:0::/64');
  });
});
