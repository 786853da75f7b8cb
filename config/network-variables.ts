/** How calls leave this network: proxies, trust, and what may be called at all. */
import { capitalsOf, flag, list, text } from './kinds.js';
import { note } from './notes.js';

/** CONNECT and TRACE are no requests to a target's resources. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

export const networkVariables = {
  HTTP_PROXY: note(text().optional(), {
    group: 'Network',
    secret: true,
    about:
      'Proxy for `http://` targets; `http_proxy` comes first. Schemes: http, https, socks5h, socks5, socks4a, socks4.',
  }),
  HTTPS_PROXY: note(text().optional(), {
    group: 'Network',
    secret: true,
    about: "Proxy for `https://` targets and Port's API; `https_proxy` comes first.",
  }),
  ALL_PROXY: note(text().optional(), {
    group: 'Network',
    secret: true,
    about: 'Proxy for whichever of the two is not set; `all_proxy` comes first.',
  }),
  NO_PROXY: note(text().optional(), {
    group: 'Network',
    about:
      'Hosts that are called directly, separated by commas: names with all below them, addresses, IPv4 networks, URLs.',
  }),
  ALLOWED_TARGETS: note(text().optional(), {
    group: 'Network',
    shownDefault: 'every target',
    about:
      'What runs may call, separated by commas: `host`, `*.corp:8443`, `gitlab.corp/group/*`, `10.0.0.0/8`.',
  }),
  ALLOWED_ACTIONS: note(list().optional(), {
    group: 'Network',
    shownDefault: 'every action',
    about:
      'Which actions may be carried out, separated by commas: `deploy`, `scale_*`; `wfnr_*` for workflow nodes, `change/<blueprint>` for changes.',
  }),
  ALLOWED_METHODS: note(capitalsOf(METHODS).optional(), {
    group: 'Network',
    shownDefault: 'every method',
    about: 'HTTP methods that runs may use, separated by commas. GitLab pipelines need `POST`.',
  }),
  REQUESTS_CA_BUNDLE: note(text().optional(), {
    group: 'Network',
    about: 'File or directory of certificate authorities to trust as well.',
  }),
  CURL_CA_BUNDLE: note(text().optional(), {
    group: 'Network',
    about: 'The same, where `REQUESTS_CA_BUNDLE` is not set.',
  }),
  SSL_CERT_FILE: note(text().optional(), {
    group: 'Network',
    about: 'One more file of certificate authorities to trust.',
  }),
  SSL_CERT_DIR: note(text().optional(), {
    group: 'Network',
    about: 'Directories of them, separated by colons.',
  }),
  NODE_EXTRA_CA_CERTS: note(text().optional(), {
    group: 'Network',
    about: 'One more file of certificate authorities to trust.',
  }),
  CA_BUNDLE_ONLY: note(flag().default(false), {
    group: 'Network',
    about: '`true` trusts nothing but the file or directory of `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`.',
  }),
  CLIENT_CERTIFICATES: note(text().optional(), {
    group: 'Network',
    about:
      'Certificates shown to targets that ask, separated by commas: `*.corp=/certs/cert.pem:/certs/key.pem`.',
  }),
};
