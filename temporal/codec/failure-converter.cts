/**
 * Puts what a failure says into a payload, so that it is encrypted like the rest: messages and stacks hold addresses
 * and answers. Loaded by its path, by the SDK and into the bundle of workflows, hence CommonJS.
 */
import common = require('@temporalio/common');

export = { failureConverter: new common.DefaultFailureConverter({ encodeCommonAttributes: true }) };
