import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type PostgresCluster, startPostgres } from './stores/postgres.ts';
import { type RedisServer, startRedis } from './stores/redis.ts';

/** Where a run takes place: one directory, and the stores that its servers share. */
export interface Lab {
  readonly directory: string;
  /** Where servers leave CPU profiles, and PostgreSQL what its statements took; absent when they are not profiled. */
  readonly profile: string | undefined;
  /** The PostgreSQL of the run, started when it is first asked for. */
  postgres(): Promise<PostgresCluster>;
  /** The same of Redis; `undefined` where the machine has none. */
  redis(): Promise<RedisServer | undefined>;
  /** Stops the stores and removes the directory. */
  stop(): Promise<void>;
}

export function createLab({ profile }: { readonly profile: string | undefined }): Lab {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  // Started by root, PostgreSQL runs as somebody else, who has to come in here.
  chmodSync(directory, 0o755);
  let postgres: Promise<PostgresCluster> | undefined;
  let redis: Promise<RedisServer | undefined> | undefined;
  return {
    directory,
    profile,
    postgres() {
      postgres ??= startPostgres(join(directory, 'postgres'), { profile });
      return postgres;
    },
    redis() {
      redis ??= startRedis(join(directory, 'redis.log'));
      return redis;
    },
    async stop() {
      await (await postgres)?.stop();
      await (await redis)?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
