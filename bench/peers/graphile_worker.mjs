// Graphile Worker, on the same PostgreSQL as this library (bench/README.md). Not run by ci/bench: it needs Node.
//
//   npm install --no-save graphile-worker@0.17.3 pg
//   node bench/peers/graphile_worker.mjs postgresql://USER@HOST:PORT/DATABASE JOBS
//
// An empty database. JOBS no-op jobs are added 1000 in a call and drained by one worker with its local queue of 500 and
// without delays before completions, its fastest settings. It deletes finished jobs and checks no lease when it does.

import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';

const [url, jobs] = [process.argv[2], Number(process.argv[3])];
if (!url || !Number.isInteger(jobs) || jobs < 1000 || jobs % 1000 !== 0) {
  console.error('usage: graphile_worker.mjs URL JOBS, JOBS a multiple of 1000');
  process.exit(2);
}

const pgPool = new pg.Pool({ connectionString: url, max: 12 });
pgPool.on('error', (error) => { throw error; });
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();

const report = (op, since) => {
  const per_s = Math.round((jobs * 1000) / (performance.now() - since));
  console.log(JSON.stringify({ peer: 'graphile-worker', op, n: jobs, per_s }));
};

let since = performance.now();
for (let first = 0; first < jobs; first += 1000) {
  await utils.addJobs(Array.from({ length: 1000 }, (_, i) => ({ identifier: 'noop', payload: { n: first + i } })));
}
report('enqueue-batch-1000', since);

let done = 0;
let finish;
const all = new Promise((resolve) => (finish = resolve));
since = performance.now();
const runner = await run({
  pgPool,
  logger,
  noHandleSignals: true,
  concurrency: 24,
  preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  taskList: {
    noop: () => {
      if (++done === jobs) finish();
    },
  },
});
await all;
await runner.stop(); // also waits until the last completions are written
report('drain', since);

const { rows } = await pgPool.query('SELECT count(*)::int AS n FROM graphile_worker._private_jobs');
if (rows[0].n !== 0) throw new Error(`${rows[0].n} jobs are left`);
await utils.release();
await pgPool.end();
