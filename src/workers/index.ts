/**
 * Workers: several processes that answer for one `gatehouse serve`.
 *
 *     primary   owns the embedded PostgreSQL if there is one, the workers, and the internal listener
 *       ├── worker   a whole server on the shared public listener
 *       └── worker   …
 *
 *     a worker dies ──▶ another takes its place, after a pause; when they die at once, again and again, all end
 *     a worker that stands still is ended, and dies
 *     SIGHUP        ──▶ one after the other: the new one listens, then the old one drains
 *     SIGTERM       ──▶ all drain
 *
 * What must be the same in all of them is in the store. Throttles are, too, where there is a Redis.
 *
 * Does not own: what a worker does (main.ts), or several machines: there something else restarts and balances.
 */

export { serveWithWorkers } from './primary.ts';
