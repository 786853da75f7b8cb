/** An environment that starts: what is required, and nothing else. */
export const REQUIRED = {
  PORT_ORG_ID: 'org_1',
  PORT_CLIENT_ID: 'client-id',
  PORT_CLIENT_SECRET: 'client-secret',
  KAFKA_CONSUMER_GROUP_ID: 'org_1.agent',
};
