// Pod Security "restricted" from the standard's text (kubernetes.io, Pod Security Standards, v1.34): what it says of the
// fields of a pod, each control by its name there. An oracle for tests: it knows nothing of berm.
const ALLOWED_VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'];
const BASELINE_CAPABILITIES = ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE',
  'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'];
const SAFE_SYSCTLS = ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'];
const SELINUX_TYPES = [undefined, '', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];

function containersOf(spec) {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

function podProblems(spec) {
  const out = [];
  const pod = spec.securityContext ?? {};
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) if (spec[field]) out.push('Host Namespaces');
  if (pod.windowsOptions?.hostProcess) out.push('HostProcess');
  for (const volume of spec.volumes ?? []) {
    const types = Object.keys(volume).filter((key) => key !== 'name');
    if (types.length === 0 || types.some((type) => !ALLOWED_VOLUMES.includes(type))) out.push('Volume Types');
    if (volume.hostPath !== undefined) out.push('HostPath Volumes');
  }
  for (const sysctl of pod.sysctls ?? []) if (!SAFE_SYSCTLS.includes(sysctl.name)) out.push('Sysctls');
  if (pod.runAsUser === 0) out.push('Running as Non-root user');
  if (pod.seccompProfile?.type === 'Unconfined') out.push('Seccomp');
  if (pod.appArmorProfile?.type === 'Unconfined') out.push('AppArmor');
  if (!SELINUX_TYPES.includes(pod.seLinuxOptions?.type) || pod.seLinuxOptions?.user || pod.seLinuxOptions?.role) out.push('SELinux');
  return out;
}

function containerProblems(spec, container) {
  const out = [];
  const pod = spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  if (own.privileged) out.push('Privileged Containers');
  if (own.windowsOptions?.hostProcess) out.push('HostProcess');
  if ((container.ports ?? []).some((port) => port.hostPort)) out.push('Host Ports');
  if (own.procMount !== undefined && own.procMount !== 'Default') out.push('/proc Mount Type');
  if (own.allowPrivilegeEscalation !== false) out.push('Privilege Escalation');
  if (!(own.runAsNonRoot ?? pod.runAsNonRoot)) out.push('Running as Non-root');
  if (own.runAsUser === 0) out.push('Running as Non-root user');
  const seccomp = (own.seccompProfile ?? pod.seccompProfile)?.type;
  if (seccomp !== 'RuntimeDefault' && seccomp !== 'Localhost') out.push('Seccomp');
  if (own.appArmorProfile?.type === 'Unconfined') out.push('AppArmor');
  if (!SELINUX_TYPES.includes(own.seLinuxOptions?.type) || own.seLinuxOptions?.user || own.seLinuxOptions?.role) out.push('SELinux');
  if (!(own.capabilities?.drop ?? []).includes('ALL')) out.push('Capabilities');
  if ((own.capabilities?.add ?? []).some((name) => name !== 'NET_BIND_SERVICE')) {
    out.push(BASELINE_CAPABILITIES.includes(own.capabilities.add[0]) ? 'Capabilities' : 'Capabilities (baseline)');
  }
  for (const handler of [container.livenessProbe, container.readinessProbe, container.startupProbe, container.lifecycle?.postStart,
    container.lifecycle?.preStop]) {
    if (handler?.httpGet?.host || handler?.tcpSocket?.host) out.push('Host Probes / Lifecycle Hooks');
  }
  return out;
}

/** The controls that a pod's spec breaks; none = it is admitted. */
export function restricted(spec) {
  return [...new Set([...podProblems(spec), ...containersOf(spec).flatMap((container) => containerProblems(spec, container))])].sort();
}
