# In place of node:24-bookworm-slim: Debian, Node and npm, and nothing else.
ARG DEBIAN
FROM ${DEBIAN}
COPY node/package/bin/node /usr/local/bin/node
COPY npm/package /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && groupadd --gid 1000 node \
  && useradd --uid 1000 --gid node --create-home node
# Where the registry has a certificate of the build machine's own CA. Nobody but npm is told of it.
COPY build-machine.crt npmrc /usr/local/etc/
CMD ["node"]
