/** What is wrong with a bucket, by the server's code. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';

/**
 * One sentence: which bucket, what is wrong, what to do.
 *
 * @returns null for a code that is not known here.
 */
export function byBucket(reason: string, bucket: string, trans: TranslationBundle): string | null {
  switch (reason) {
    case 'unreachable':
      return trans.__('The workspace bucket %1 cannot be reached: check the network.', bucket);
    case 'overloaded':
      return trans.__('The workspace bucket %1 is receiving too many requests: try again soon.', bucket);
    case 'server-error':
      return trans.__('Cloud Storage did not answer for the workspace bucket %1: try again soon.', bucket);
    case 'corrupt-transfer':
      return trans.__(
        'A transfer with the workspace bucket %1 was corrupted in transit and discarded: try again.',
        bucket
      );
    case 'no-credentials':
      return trans.__(
        "There are no valid Google credentials for the workspace bucket %1: sign in again, or run 'gcloud auth application-default login'.",
        bucket
      );
    case 'no-permission':
      return trans.__(
        'You have no permission for this in the workspace bucket %1: ask an owner of the workspace for access.',
        bucket
      );
    case 'bucket-not-found':
      return trans.__(
        'The workspace bucket %1 does not exist: check the setting that names it (WORKSPACE_BUCKET).',
        bucket
      );
    case 'requester-pays':
      return trans.__(
        "The workspace bucket %1 is requester-pays and no project was accepted to bill: set 'user_project' of the workspace.",
        bucket
      );
    case 'bad-request':
      return trans.__('The workspace bucket %1 did not accept the request.', bucket);
    case 'not-offered':
      return trans.__(
        'The service at the address of the workspace bucket %1 does not support this: check that Cloud Storage is reached directly.',
        bucket
      );
    case 'object-held':
      return trans.__(
        'The notebook in the workspace bucket %1 is under a hold and cannot be replaced or deleted: ask an owner of the workspace to release the hold, or save yours under a new name.',
        bucket
      );
    case 'retention-policy':
      return trans.__(
        'A retention policy of the workspace bucket %1 forbids replacing or deleting this notebook yet: wait until its retention period is over, or save yours under a new name.',
        bucket
      );
    case 'billing-disabled':
      return trans.__(
        'The workspace bucket %1 cannot be used because its project has no active billing account: ask an owner of the workspace to restore billing.',
        bucket
      );
    case 'user-project':
      return trans.__(
        "The project that is to pay for requests to the workspace bucket %1 was not accepted: check that 'user_project' of the workspace exists, has billing, and that you may use it.",
        bucket
      );
    case 'organization-policy':
      return trans.__(
        'A policy of the organization forbids this in the workspace bucket %1: ask an administrator of the organization.',
        bucket
      );
    case 'service-perimeter':
      return trans.__(
        'The workspace bucket %1 is inside a service perimeter that this environment is outside of (VPC Service Controls): work in an environment inside it, or ask an administrator of the organization.',
        bucket
      );
    case 'api-disabled':
      return trans.__(
        'Cloud Storage is switched off in the project that is used for the workspace bucket %1: ask an owner of that project to enable the Cloud Storage API.',
        bucket
      );
    case 'encryption-key':
      return trans.__(
        'The encryption key of the workspace bucket %1 cannot be used: ask an owner of the workspace to restore access to the key.',
        bucket
      );
    case 'unreadable-object':
      return trans.__(
        'A notebook in the workspace bucket %1 is marked as compressed and cannot be unpacked: ask the person who stored it to upload it again.',
        bucket
      );
    default:
      return null;
  }
}
