/** Every way out, with the calls that are tried on it, and what is to come of each. */
import { type Site, type Target, WRONG_PASSWORD, withCredentials } from './site.js';

/** What a run says that failed on its way out; its rows are those of the table in docs/network.md. */
export const FAILURES = {
  '`ALLOWED_TARGETS` does not have the target': { says: /ALLOWED_TARGETS does not allow/, repeated: false },
  "the target is a cloud's metadata service": { says: /cloud metadata addresses/, repeated: false },
  "the target's CA is not trusted": { says: /"Unknown CA", which is not trusted/, repeated: false },
  "the target's certificate has expired": { says: /CERT_HAS_EXPIRED/, repeated: false },
  "the target's certificate has another name": { says: /ERR_TLS_CERT_ALTNAME_INVALID/, repeated: false },
  'nothing listens at the target': { says: /ECONNREFUSED/, repeated: true },
  "the proxy's CA is not trusted": { says: /TLS to the proxy .*"Unknown CA"/, repeated: false },
  'the proxy does not speak TLS': { says: /the proxy .*ERR_SSL_WRONG_VERSION_NUMBER/, repeated: false },
  'the HTTP proxy refuses user or password': { says: /PROXY_407/, repeated: false },
  'the SOCKS proxy refuses user or password': { says: /SOCKS_AUTH/, repeated: false },
  'the proxy does not allow the target': { says: /PROXY_403/, repeated: false },
  'nothing listens at the target, behind an HTTP proxy': { says: /PROXY_503/, repeated: true },
  'nothing listens at the target, behind a SOCKS proxy': {
    says: /SOCKS_CONNECTION_REFUSED/,
    repeated: true,
  },
  'nothing listens at the proxy': { says: /the proxy .*ECONNREFUSED/, repeated: true },
} as const satisfies Record<string, Failure>;

export interface Failure {
  says: RegExp;
  /** Whether the call is made again while the window lasts: only what may mend itself is. */
  repeated: boolean;
}

export interface Call {
  what: string;
  url(site: Site): string;
  /** Left out: the run succeeds. A pattern: the target seems to have answered so. */
  failure?: keyof typeof FAILURES | RegExp;
  /** How the proxy logs the call; left out: the call does not reach the proxy. */
  logged?: string;
}

export interface WayOut {
  name: string;
  environment(site: Site): Record<string, string>;
  /** Whose log tells what went through; left out: every proxy's. */
  proxy?: 'squid' | 'foreignSquid' | 'socks';
  calls: Call[];
}

/** What ALLOWED_TARGETS has on every way. */
const ALLOWED = { ALLOWED_TARGETS: 'localhost,*.corp.test' };
/** Port itself is at this address, and is not to be called through the proxies. */
const EXCEPT_PORT = { NO_PROXY: '127.0.0.1' };
const FORWARDED = 'TCP_MISS/200';
const TUNNELED = 'TCP_TUNNEL/200';
const CONNECTED = 'connected to';

export const WAYS: WayOut[] = [
  {
    name: 'directly',
    environment: ({ trusted }) => ({ ...ALLOWED, REQUESTS_CA_BUNDLE: trusted.file }),
    calls: [
      ...everyTarget('localhost'),
      notAllowed(),
      {
        what: "a cloud's metadata service",
        url: () => 'http://169.254.169.254/latest/meta-data/',
        failure: "the target is a cloud's metadata service",
      },
      gone('localhost', 'nothing listens at the target'),
    ],
  },
  {
    name: 'through an HTTP proxy with a password',
    environment: ({ squid, trusted }) => ({
      ...ALLOWED,
      HTTP_PROXY: withCredentials(squid.url),
      HTTPS_PROXY: withCredentials(squid.url),
      NO_PROXY: '127.0.0.1,localhost',
      SSL_CERT_FILE: trusted.file,
    }),
    proxy: 'squid',
    calls: [
      ...everyTarget('hook.corp.test', { http: FORWARDED, https: TUNNELED }),
      ...throughSquid(),
      { what: 'an http target that NO_PROXY has', url: at('http', 'localhost', 'plain') },
      { what: 'an https target that NO_PROXY has', url: at('https', 'localhost', 'trusted') },
      gone('hook.corp.test', 'nothing listens at the target, behind an HTTP proxy', '/503 '),
    ],
  },
  {
    name: 'through an HTTPS proxy with a password',
    environment: ({ squid, trusted }) => ({
      ...ALLOWED,
      ...EXCEPT_PORT,
      HTTP_PROXY: withCredentials(squid.tlsUrl ?? ''),
      HTTPS_PROXY: withCredentials(squid.tlsUrl ?? ''),
      SSL_CERT_DIR: trusted.folder,
    }),
    proxy: 'squid',
    calls: [...everyTarget('hook.corp.test', { http: FORWARDED, https: TUNNELED }), ...throughSquid()],
  },
  {
    name: 'through a SOCKS5 proxy with a password',
    environment: ({ socks, trusted }) => ({
      ...ALLOWED,
      ...EXCEPT_PORT,
      ALL_PROXY: withCredentials(socks.url.replace('socks5:', 'socks5h:')),
      REQUESTS_CA_BUNDLE: '',
      CURL_CA_BUNDLE: trusted.file,
    }),
    proxy: 'socks',
    calls: [
      ...everyTarget('localhost', { http: CONNECTED, https: CONNECTED }),
      notAllowed(),
      gone('localhost', 'nothing listens at the target, behind a SOCKS proxy'),
    ],
  },
  {
    name: 'through an HTTPS proxy that cannot be trusted',
    environment: ({ foreignSquid, trusted }) => ({
      ...EXCEPT_PORT,
      ALL_PROXY: withCredentials(foreignSquid.tlsUrl ?? ''),
      REQUESTS_CA_BUNDLE: trusted.file,
    }),
    proxy: 'foreignSquid',
    calls: bothSchemes('hook.corp.test', "the proxy's CA is not trusted"),
  },
  {
    name: 'through an HTTP proxy, with a wrong password',
    environment: ({ squid }) => ({
      ...EXCEPT_PORT,
      ALL_PROXY: withCredentials(squid.url, WRONG_PASSWORD),
    }),
    proxy: 'squid',
    calls: bothSchemes('hook.corp.test', 'the HTTP proxy refuses user or password', 'TCP_DENIED/407'),
  },
  {
    name: 'through a SOCKS5 proxy with a wrong password, and an HTTP proxy that is written with https',
    environment: ({ socks, squid }) => ({
      ...EXCEPT_PORT,
      HTTP_PROXY: withCredentials(socks.url, WRONG_PASSWORD),
      HTTPS_PROXY: withCredentials(squid.url.replace('http:', 'https:')),
    }),
    calls: [
      {
        what: 'an http target',
        url: at('http', 'localhost', 'plain'),
        failure: 'the SOCKS proxy refuses user or password',
      },
      {
        what: 'an https target',
        url: at('https', 'hook.corp.test', 'trusted'),
        failure: 'the proxy does not speak TLS',
      },
    ],
  },
  {
    name: 'through a proxy that is not there',
    environment: ({ closedPort }) => ({
      ...EXCEPT_PORT,
      ALL_PROXY: withCredentials(`http://127.0.0.1:${closedPort}`),
    }),
    calls: bothSchemes('hook.corp.test', 'nothing listens at the proxy'),
  },
];

function at(scheme: 'http' | 'https', host: string, target: Target): Call['url'] {
  return ({ targets }) => `${scheme}://${host}:${targets[target].port}/ok`;
}

/** The targets that every way is tried with. */
function everyTarget(host: string, logged: { http?: string; https?: string } = {}): Call[] {
  const tunnel = logged.https !== undefined && { logged: logged.https };
  const bad = (what: string, target: Target, failure: keyof typeof FAILURES): Call => ({
    what,
    url: at('https', host, target),
    failure,
    ...tunnel,
  });
  return [
    {
      what: 'an http target',
      url: at('http', host, 'plain'),
      ...(logged.http !== undefined && { logged: logged.http }),
    },
    { what: 'an https target whose CA is trusted', url: at('https', host, 'trusted'), ...tunnel },
    bad('an https target whose CA is not trusted', 'untrusted', "the target's CA is not trusted"),
    bad('an https target whose certificate has expired', 'expired', "the target's certificate has expired"),
    bad(
      'an https target whose certificate has another name',
      'misnamed',
      "the target's certificate has another name",
    ),
  ];
}

function throughSquid(): Call[] {
  return [
    notAllowed(),
    {
      what: 'an https target that the proxy does not allow',
      url: at('https', 'denied.corp.test', 'trusted'),
      failure: 'the proxy does not allow the target',
      logged: 'TCP_DENIED/403',
    },
    {
      // The proxy's own answer looks like the target's where there is no tunnel.
      what: 'an http target that the proxy does not allow',
      url: at('http', 'denied.corp.test', 'plain'),
      failure: /^Failed to invoke the webhook with status code: 403/,
      logged: 'TCP_DENIED/403',
    },
  ];
}

function notAllowed(): Call {
  return {
    what: 'a target that ALLOWED_TARGETS does not have',
    url: at('http', 'elsewhere.test', 'plain'),
    failure: '`ALLOWED_TARGETS` does not have the target',
  };
}

function gone(host: string, failure: keyof typeof FAILURES, logged?: string): Call {
  return {
    what: 'an https target that is not there',
    url: ({ closedPort }) => `https://${host}:${closedPort}/ok`,
    failure,
    ...(logged !== undefined && { logged }),
  };
}

function bothSchemes(host: string, failure: keyof typeof FAILURES, logged?: string): Call[] {
  const same = { failure, ...(logged !== undefined && { logged }) };
  return [
    { what: 'an http target', url: at('http', host, 'plain'), ...same },
    { what: 'an https target', url: at('https', host, 'trusted'), ...same },
  ];
}
