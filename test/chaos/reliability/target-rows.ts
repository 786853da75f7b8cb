/** Targets that can't be reached, break off, or do not answer. */
import { freePorts } from '../../../local/parts/ports.js';
import { createSelfSigned } from '../../../local/parts/test-ca.js';
import type { Fault } from '../../../local/simulators/http-server.js';
import { startPrivateService } from '../../../local/simulators/private-service.js';
import { fails, type Happened, type Row } from './row.js';
import { type Site, startResettingTarget, webhook } from './site.js';

const NEVER_TOLD = 'none reported, ever; the offsets are committed';

export const targetRows: Row[] = [
  {
    fault: 'target refuses connections',
    before: NEVER_TOLD,
    happen: async (site, runs) => {
      const [port = 0] = await freePorts(1);
      return calling(`http://127.0.0.1:${port}/`, site, runs);
    },
    complaint: fails(/was not sent: connecting to .* failed: .*ECONNREFUSED/, 0),
  },
  {
    fault: 'target resets the connection after the request',
    before: NEVER_TOLD,
    happen: async (site, runs) => {
      const target = site.closing(await startResettingTarget());
      site.counting(target);
      return calling(target.url, site, runs);
    },
    complaint: fails(/was sent, but the connection was lost before an answer came/, 1),
  },
  {
    fault: "target's name is unknown",
    before: NEVER_TOLD,
    happen: (site, runs) => calling('http://nowhere.invalid/', site, runs),
    complaint: fails(/was not sent: looking up .* failed/, 0),
  },
  {
    fault: "target's certificate is not trusted",
    before: NEVER_TOLD,
    happen: async (site, runs) => {
      const { certPem: cert, keyPem: key } = createSelfSigned({
        commonName: 'self',
        ipAddresses: ['127.0.0.1'],
      });
      const target = site.closing(await startPrivateService({ tls: { cert, key } }));
      site.counting(target);
      return calling(`${target.url}/ok`, site, runs);
    },
    complaint: fails(/was not sent: TLS to .* failed/, 0),
  },
  {
    fault: 'bad URL',
    before: NEVER_TOLD,
    happen: (site, runs) => calling('ht!tp:// nowhere', site, runs),
    complaint: fails(/can't be sent/, 0),
  },
  {
    fault: 'empty URL',
    before: NEVER_TOLD,
    happen: (site, runs) => calling('', site, runs),
    complaint: fails(/names no URL/, 0),
  },
  {
    fault: 'target takes the request and never answers',
    before: 'one at a time: each holds up the next for 30 s',
    happen: (site, runs) => misbehaving({ kind: 'hang' }, '/ok/hanging', site, runs),
    complaint: fails(/was sent, but no answer came within 3 s/, 1),
  },
  {
    fault: 'target drips its answer, a byte at a time',
    before: 'one at a time: each holds up the next for 60 s',
    happen: (site, runs) =>
      misbehaving({ kind: 'drip', chunkBytes: 1, everyMs: 500 }, '/big/1000', site, runs),
    complaint(run) {
      // The status had come: that is what counts.
      if (run.ending !== 'succeeded' && run.ending !== 'handed over')
        return `it is ${run.ending}: ${run.said}`;
      return run.calls === 1 ? undefined : `its target was called ${run.calls} times`;
    },
  },
];

async function calling(url: string, site: Site, runs: number): Promise<Happened> {
  const published = await site.publish(runs, (n) => webhook(url, n));
  return { runs: published, sinceMs: Date.now() };
}

function misbehaving(fault: Fault, path: string, site: Site, runs: number): Promise<Happened> {
  site.house.service.inject({ ...fault, path: new RegExp(`^${path}$`) });
  return calling(`${site.house.service.url}${path}`, site, runs);
}
