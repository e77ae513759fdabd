import { argon2id, hash, verify } from 'argon2';

/** Verifies one password as often as it is told, in a process of its own; answers the CPU time of one, in microseconds, by round. */
const [rounds = '3', count = '20'] = process.argv.slice(2);
const PASSWORD = 'correct horse battery staple';
const hashed = await hash(PASSWORD, { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 });
const results: number[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const before = process.cpuUsage();
  for (let n = 0; n < Number(count); n += 1) await verify(hashed, PASSWORD);
  const { user, system } = process.cpuUsage(before);
  results.push((user + system) / Number(count));
}
process.send?.(results);
