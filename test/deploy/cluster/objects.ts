/** What a cluster of somebody else's would hold from the start. */

const RESOURCES = { cpu: '8', memory: '16Gi', pods: '110' };

/** A node for every pod. */
export const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'kwok',
    labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', 'kubernetes.io/hostname': 'kwok' },
  },
  status: { allocatable: RESOURCES, capacity: RESOURCES },
};

/** For claims that name no class: kwok pretends to provision the volume. Its stages go by the name. */
export const STORAGE_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'kwok-volume',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'kwok.x-k8s.io/volume',
};
