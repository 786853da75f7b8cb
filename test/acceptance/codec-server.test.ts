/** Who reads what in Temporal's UI and command line when histories are encrypted: the real command, in a real browser. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { startAgent } from '../../local/agent.js';
import { runCommand } from '../../local/parts/child.js';
import { findTemporal } from '../../local/parts/temporal.js';
import { createTestCa } from '../../local/parts/test-ca.js';
import { AUDIENCE, newSigningKey, type OidcIssuer, startOidcIssuer } from '../codec-server/oidc-issuer.js';
import { describeInBrowser } from '../support/chromium.js';
import { type ClosedRun, type House, startHouse, until } from '../support/house.js';

const PAGE_TIMEOUT_MS = 60_000;
const VIEWPORT = { width: 1500, height: 1100 };
const TOKEN = randomBytes(16).toString('hex');
const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const KEYS = newKey('k1');
/** Stands in a run's input, and nowhere else. */
const INPUT = 'Ada-4711';
const REASON = 'there is no trigger token for data/lake: set the variable data_lake';
/** For a look at the pages: a folder for pictures of them. */
const SHOTS = process.env['CODEC_SHOTS'];

interface CodecServer {
  port: number;
  log(): string;
}

const ca = createTestCa('Codec CA');
const folder = mkdtempSync(join(tmpdir(), 'codec-'));
const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
let house: House;
let run: ClosedRun;
let failed: ClosedRun;
let ciphertext: string;
/** With the shared token, and one that asks an issuer and speaks TLS. */
let codec: CodecServer;
let strict: CodecServer;
let issuer: OidcIssuer;

beforeAll(async () => {
  house = await startHouse({ CODEC_KEYS: KEYS });
  undo.push(() => house.close());
  await Promise.all([house.agent('worker'), house.agent('ingest')]);
  run = await house.carryOut('sync', { by: { firstName: INPUT }, properties: { service: INPUT } });
  failed = await house.carryOut('no_token');
  ciphertext = await inputOf(run);
  codec = await startCodecServer({ CODEC_SERVER_TOKEN: TOKEN });
  strict = await startStrictServer();
});
afterAll(async () => {
  for (const stop of undo.splice(0).reverse()) await stop();
});

/** Started as its user starts it, with nothing of Port's or Kafka's in its environment. */
async function startCodecServer(environment: Record<string, string>): Promise<CodecServer> {
  const child = await startAgent('codec-server', {
    environment: {
      CODEC_KEYS: KEYS,
      CODEC_SERVER_PORT: '0',
      CODEC_SERVER_ALLOWED_ORIGINS: new URL(house.temporal.uiUrl).origin,
      ...environment,
    },
  });
  undo.push(() => child.stop(5000));
  const log = (): string => child.lines(1000).join('\n');
  const [, port] = /"port":(\d+).*codec server ready/.exec(log()) ?? [];
  return { port: Number(port), log };
}

async function startStrictServer(): Promise<CodecServer> {
  issuer = await startOidcIssuer(ca, await newSigningKey('first'));
  undo.push(issuer.server.close);
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const { certPem, keyPem } = ca.issue({ commonName: 'codec', ipAddresses: ['127.0.0.1'] });
  return startCodecServer({
    CODEC_SERVER_OIDC_ISSUER: issuer.url,
    CODEC_SERVER_OIDC_AUDIENCE: AUDIENCE,
    CODEC_SERVER_OIDC_CLAIM: 'groups=platform',
    REQUESTS_CA_BUNDLE: file('ca.pem', ca.caPem),
    CODEC_SERVER_TLS_CERT_PATH: file('cert.pem', certPem),
    CODEC_SERVER_TLS_KEY_PATH: file('key.pem', keyPem),
  });
}

/** What Temporal holds of a run's input, in base64. */
async function inputOf({ runId }: ClosedRun): Promise<string> {
  const { events } = await house.client.workflow.getHandle(runId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return Buffer.from(payload?.data ?? []).toString('base64');
}

describeInBrowser("Temporal's UI", (browser) => {
  let context: BrowserContext;
  let page: Page;
  afterEach(() => context?.close());

  /** A person's browser, its Temporal UI with these settings. */
  async function openBrowser(settings: Record<string, unknown> = {}): Promise<void> {
    // Whether the browser trusts the certificate is not what these tests are about.
    context = await browser().newContext({ viewport: VIEWPORT, ignoreHTTPSErrors: true });
    await context.addInitScript(keepSettings, settings);
    page = await context.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  }
  const withSession = (port: number, host = '127.0.0.1') => ({
    endpoint: `http://${host}:${port}`,
    overrideRemoteCodecConfiguration: true,
    includeCredentials: true,
  });

  async function signIn(port: number, token = TOKEN, host = '127.0.0.1'): Promise<void> {
    await page.goto(`http://${host}:${port}/`);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  async function openHistory({ runId, workflow }: ClosedRun, uiUrl = house.temporal.uiUrl): Promise<void> {
    const { namespace } = house.temporal;
    await page.goto(`${uiUrl}/namespaces/${namespace}/workflows/${runId}/${workflow.runId}/history`);
    const ended = page.getByText(/Workflow Execution (Completed|Failed)/);
    await ended.first().waitFor();
  }
  /** Its editors show a part of a long text only: those of input and result are scrolled to their end. */
  async function shows(text: string, picture: string): Promise<void> {
    const isShown = async (): Promise<boolean> => {
      const editors = page.locator('.cm-scroller');
      await editors.evaluateAll((all) => all.map((it) => it.scrollTo(0, it.scrollHeight)));
      return (await shown()).includes(text);
    };
    await until(`the page shows ${text}`, isShown, PAGE_TIMEOUT_MS);
    if (!SHOTS) return;
    mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `codec-${picture}.png`) });
  }
  const shown = (): Promise<string> => page.locator('main').innerText();
  /** Ciphertext where the input is, and the UI's complaint about its codec server. */
  async function showsCiphertext(picture: string): Promise<void> {
    await shows('Codec Server could not connect', picture);
    await shows(ciphertext.slice(-40), picture);
    expect(await shown()).not.toContain(INPUT);
  }

  test('shows ciphertext without the codec server', async () => {
    await openBrowser();
    await openHistory(run);
    await shows(ciphertext.slice(-40), 'without');
    expect(await shown()).not.toContain(INPUT);
    await openHistory(failed);
    await shows('Encoded failure', 'without-failed');
    expect(await shown()).not.toContain(REASON);
  });

  test('shows input and outcome with it, to a person who has signed in', async () => {
    await openBrowser(withSession(codec.port));
    await signIn(codec.port);
    await page.getByText('You are signed in').waitFor();
    await openHistory(run);
    await shows(`"service": "${INPUT}"`, 'with');
    await shows('"status": "SUCCESS"', 'with');
    await openHistory(failed);
    await shows(REASON, 'with-failed');
    expect(codec.log()).toMatch(/"who":"shared token, signed in".*"msg":"decoded"/);
  });

  test('shows ciphertext to a person who gave a wrong token', async () => {
    await openBrowser(withSession(codec.port));
    await signIn(codec.port, 'not-the-shared-token');
    await page.getByText('This token is not accepted.').waitFor();
    await openHistory(run);
    await showsCiphertext('wrong-token');
  });

  test('shows ciphertext where it is opened under another origin, though signed in', async () => {
    await openBrowser(withSession(codec.port, 'localhost'));
    await signIn(codec.port, TOKEN, 'localhost');
    await page.getByText('You are signed in').waitFor();
    await openHistory(run, house.temporal.uiUrl.replace('127.0.0.1', 'localhost'));
    await showsCiphertext('other-origin');
    expect(codec.log()).toMatch(/"status":403,"why":"its origin is not in .*"origin":"http:\/\/localhost:/);
  });

  test('says which key is not loaded', async () => {
    const later = await startCodecServer({ CODEC_KEYS: newKey('k2'), CODEC_SERVER_TOKEN: TOKEN });
    await openBrowser(withSession(later.port));
    await signIn(later.port);
    await page.getByText('You are signed in').waitFor();
    await openHistory(run);
    await shows('[encrypted, and not shown: key \\"k1\\" not loaded', 'key-removed');
    await openHistory(failed);
    await shows(
      '"encodedAttributes": "[encrypted, and not shown: key \\"k1\\" not loaded',
      'key-removed-failed',
    );
  });

  /**
   * The browser of a person who has signed in to the UI, whose server then leaves the access token in a cookie. That of
   * the development server knows no sign-in: the page is told that this one does.
   */
  async function openSignedInBrowser(groups: string[]): Promise<void> {
    await openBrowser({
      endpoint: `https://127.0.0.1:${strict.port}`,
      overrideRemoteCodecConfiguration: true,
      passAccessToken: true,
    });
    const user = { AccessToken: await issuer.tokenOf({ claims: { groups } }), Name: 'Ada' };
    const value = Buffer.from(JSON.stringify(user)).toString('base64').replace(/=+$/, '');
    await context.addCookies([{ name: 'user0', value, url: house.temporal.uiUrl }]);
    await page.route('**/api/v1/settings*', async (route) => {
      const response = await route.fetch();
      const settings = (await response.json()) as { Auth: object };
      await route.fulfill({ response, json: { ...settings, Auth: { ...settings.Auth, Enabled: true } } });
    });
  }

  test('shows the input to a user whose access token it passes on', async () => {
    await openSignedInBrowser(['platform']);
    await openHistory(run);
    await shows(`"service": "${INPUT}"`, 'access-token');
    expect(strict.log()).toMatch(/"who":"user ada".*"msg":"decoded"/);
  });

  test('shows ciphertext to a user who lacks the claim', async () => {
    await openSignedInBrowser(['others']);
    await openHistory(run);
    await showsCiphertext('without-claim');
    expect(strict.log()).toMatch(/"status":403,"why":"user ada lacks CODEC_SERVER_OIDC_CLAIM"/);
  });
});

describe("Temporal's command line", () => {
  async function show({ runId }: ClosedRun, ...args: string[]): Promise<string> {
    const { path: command } = await findTemporal();
    const target = ['--address', house.temporal.address, '--workflow-id', runId];
    const lines = await runCommand({
      name: 'temporal',
      command,
      args: ['workflow', 'show', ...target, ...args],
      env: { SSL_CERT_FILE: join(folder, 'ca.pem') },
    });
    return lines.join('\n');
  }
  /** All data of a history, decoded from base64. */
  async function dataOf(which: ClosedRun, ...args: string[]): Promise<string> {
    const json = await show(which, '--output', 'json', ...args);
    const data = [...json.matchAll(/"data": "([^"]*)"/g)].map(([, text = '']) => Buffer.from(text, 'base64'));
    return Buffer.concat(data).toString();
  }
  const ask = (endpoint: string, token: string): string[] => [
    ...['--codec-endpoint', endpoint],
    ...['--codec-auth', `Bearer ${token}`],
  ];

  test('shows nothing without the codec server', async () => {
    expect(await dataOf(run)).not.toContain(INPUT);
  });

  test.each(['', '/{namespace}'])(
    'shows input, result and failure with it, at its address%s',
    async (path) => {
      const args = ask(`http://127.0.0.1:${codec.port}${path}`, TOKEN);
      expect(await dataOf(run, ...args)).toContain(`"service":"${INPUT}"`);
      expect(await show(run, ...args)).toMatch(/Result +\{.*"status":"SUCCESS"/);
      expect(await dataOf(failed, ...args)).toContain(REASON);
    },
  );

  test('shows them with an access token, over TLS', async () => {
    const token = await issuer.tokenOf({ claims: { groups: ['platform'] } });
    expect(await dataOf(run, ...ask(`https://127.0.0.1:${strict.port}`, token))).toContain(INPUT);
  });

  test('shows nothing with a wrong token', async () => {
    const args = ask(`http://127.0.0.1:${codec.port}`, 'not-the-shared-token');
    // It asks again until its own time is up, and says so in words of its own.
    await expect(show(run, ...args)).rejects.toThrow();
    expect(codec.log()).toMatch(/"status":401,"why":"it is not the shared token"/);
  });
});

test('no log of a codec server holds an input, a token or a key', () => {
  const logs = codec.log() + strict.log();
  expect(logs).toContain('"decoded"');
  for (const kept of [INPUT, TOKEN, 'not-the-shared-token', KEYS.slice(3), ciphertext.slice(-40), 'eyJ'])
    expect(logs).not.toContain(kept);
});

/** Runs in the page: the UI keeps its settings as JSON. */
function keepSettings(settings: Record<string, unknown>): void {
  const { localStorage } = globalThis as unknown as {
    localStorage: { setItem(name: string, value: string): void };
  };
  for (const [name, value] of Object.entries(settings)) localStorage.setItem(name, JSON.stringify(value));
}
