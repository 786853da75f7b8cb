/** A stand-in for the port-agent chart, as far as it decides about the container's environment. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Manifest, parse } from '../deploy/helm/chart.js';
import { findHelm } from '../support/helm.js';

const run = promisify(execFile);

/** The secret variables first, then the plain ones: what comes later counts, and may name what came earlier. */
const TEMPLATE = `
secret:
{{- range $name, $value := .Values.env.secret }}
  {{ $name | quote }}: {{ b64enc $value | quote }}
{{- end }}
normal:
{{- range $name, $value := .Values.env.normal }}
  {{ $name | quote }}: {{ quote $value }}
{{- end }}
`;
const DEFAULTS = {
  env: {
    normal: {
      GITLAB_URL: 'https://gitlab.com/',
      STREAMER_NAME: 'KAFKA',
      PORT_ORG_ID: '',
      PORT_API_BASE_URL: 'https://api.getport.io',
      KAFKA_CONSUMER_GROUP_ID: '',
      KAFKA_CONSUMER_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_CONSUMER_AUTHENTICATION_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_CONSUMER_AUTO_OFFSET_RESET: 'largest',
      DETAILED_LOGGING: 'true',
      WEBHOOK_VERIFY_SSL: 'true',
    },
    secret: { PORT_CLIENT_ID: '', PORT_CLIENT_SECRET: '' },
  },
};

/** What the old agent's container had from a values file: read by Helm, expanded as the kubelet does it. */
export async function oldEnvironment(values: string): Promise<Record<string, string>> {
  const { helm } = await findHelm(4);
  const dir = await mkdtemp(join(tmpdir(), 'old-chart-'));
  try {
    await mkdir(join(dir, 'templates'));
    await writeFile(join(dir, 'Chart.yaml'), 'apiVersion: v2\nname: port-agent\nversion: 0.8.15\n');
    await writeFile(join(dir, 'values.yaml'), JSON.stringify(DEFAULTS));
    await writeFile(join(dir, 'templates/environment.yaml'), TEMPLATE);
    await writeFile(join(dir, 'old.yaml'), values);
    const { stdout } = await run(helm, ['template', 'r', dir, '--values', join(dir, 'old.yaml')]);
    const [{ secret, normal } = {}] = (await parse(stdout)) as Manifest[];
    const environment: Record<string, string> = {};
    for (const [name, value] of Object.entries((secret ?? {}) as Record<string, string>))
      environment[name] = Buffer.from(value, 'base64').toString();
    for (const name of Object.keys(normal ?? {}).sort())
      environment[name] = expanded((normal as Record<string, string | null>)[name] ?? '', environment);
    return environment;
  } finally {
    await rm(dir, { recursive: true });
  }
}

function expanded(value: string, earlier: Record<string, string>): string {
  return value.replaceAll(/\$\$|\$\(([^)]*)\)/g, (found, name) =>
    found === '$$' ? '$' : (earlier[name] ?? found),
  );
}
