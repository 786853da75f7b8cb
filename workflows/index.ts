/** Every workflow type, as the worker's bundle exports them. */
export { callWebhook } from './call-webhook.js';
export { rejectMessage } from './reject-message.js';
export { triggerGitlabPipeline } from './trigger-gitlab-pipeline.js';
