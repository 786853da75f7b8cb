{{/* What the agent's pods have in common. */}}

{{/* A security context for the platform: OpenShift hands out user and group ids itself. Takes (list $ context). */}}
{{- define "tpa.securityContext" -}}
{{- $root := index . 0 -}}
{{- $onOpenShift := include "tpa.on" $root.Values.openshift -}}
{{- if eq (toString $root.Values.openshift) "auto" -}}
  {{- $onOpenShift = $root.Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- end -}}
{{- $ids := list -}}
{{- if $onOpenShift -}}{{- $ids = list "runAsUser" "runAsGroup" "fsGroup" -}}{{- end -}}
{{- $context := dict -}}
{{- range $field, $value := index . 1 -}}
  {{- if not (or (has $field $ids) (kindIs "invalid" $value)) -}}{{- $_ := set $context $field $value -}}{{- end -}}
{{- end -}}
{{- toYaml $context -}}
{{- end }}

{{/* Annotations of a pod: a changed Secret, mapping or certificate replaces it. Takes (list $ component's values). */}}
{{- define "tpa.podAnnotations" -}}
{{- $root := index . 0 -}}
{{- $annotations := dict -}}
{{- if include "tpa.makesSecret" $root -}}
  {{- $_ := set $annotations "checksum/secret" (include "tpa.secretVariables" $root | sha256sum) -}}
{{- end -}}
{{- if $root.Values.controlThePayloadConfig -}}
  {{- $_ := set $annotations "checksum/mapping" (toJson $root.Values.controlThePayloadConfig | sha256sum) -}}
{{- end -}}
{{- if include "tpa.certificates" $root -}}
  {{- $_ := set $annotations "checksum/certificates" (toJson (list $root.Values.selfSignedCertificate $root.Values.caBundle) | sha256sum) -}}
{{- end -}}
{{- range $given := list $root.Values.podAnnotations (index . 1).podAnnotations -}}
  {{- range $name, $value := $given -}}{{- $_ := set $annotations $name (include "tpa.text" $value) -}}{{- end -}}
{{- end -}}
{{- with $annotations -}}{{- toYaml . -}}{{- end -}}
{{- end }}

{{/* Where pods run; the development server too. */}}
{{- define "tpa.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Even spread over nodes, or what the values say. Takes (list $ component). */}}
{{- define "tpa.spread" -}}
{{- $root := index . 0 -}}
{{- $selector := dict "matchLabels" (include "tpa.selectorLabels" . | fromYaml) -}}
{{- $evenly := dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" -}}
{{- $constraints := list -}}
{{- range default (list $evenly) $root.Values.topologySpreadConstraints -}}
  {{- $constraints = append $constraints (merge (deepCopy .) (dict "labelSelector" $selector)) -}}
{{- end -}}
{{- toYaml $constraints -}}
{{- end }}

{{/* What counts for a pod as a whole. Takes a dict: root, component, grace as in tpa.podSpec. */}}
{{- define "tpa.podSettings" -}}
{{- $root := .root -}}
{{- with $root.Values -}}
# Else a Service called `temporal` would become variables of ours, such as TEMPORAL_PORT.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $.grace }}
securityContext:
  {{- include "tpa.securityContext" (list $root .podSecurityContext) | nindent 2 }}
{{- include "tpa.placement" $root }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- include "tpa.spread" (list $root $.component) | nindent 2 }}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What runs in a container. Takes a dict: root, component, command as in tpa.podSpec. */}}
{{- define "tpa.program" -}}
name: {{ .component }}
image: {{ include "tpa.image" (list .root.Values.image .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
# The command's name alone: no shell, which would drop variables whose names contain `-` or `.`.
args: [{{ .command }}]
securityContext:
  {{- include "tpa.securityContext" (list .root .root.Values.containerSecurityContext) | nindent 2 }}
{{- end }}

{{/* Of a container with a port called `health`. */}}
{{- define "tpa.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/*
A pod of the agent. Takes a dict:
  root       the chart's context
  component  worker, ingester, sweep
  settings   the component's values
  command    the agent's command
  grace      seconds between SIGTERM and SIGKILL
  serves     whether it serves /livez and /readyz
*/}}
{{- define "tpa.podSpec" -}}
{{- $root := .root -}}
{{- with $root.Values -}}
serviceAccountName: {{ include "tpa.serviceAccountName" $root }}
automountServiceAccountToken: {{ include "tpa.on" .podServiceAccount.automountToken | default "false" }}
{{ include "tpa.podSettings" $ }}
{{- with .initContainers }}
initContainers:
  {{- tpl (toYaml .) $root | nindent 2 }}
{{- end }}
containers:
  - {{ include "tpa.program" $ | nindent 4 | trim }}
    env:
      {{- include "tpa.env" (list $root $.settings) | nindent 6 }}
    {{- with include "tpa.envFrom" $root }}
    envFrom:
      {{- . | nindent 6 }}
    {{- end }}
    {{- if $.serves }}
    ports:
      - name: health
        containerPort: {{ include "tpa.healthPort" $root }}
    {{- include "tpa.probes" $root | nindent 4 }}
    {{- end }}
    {{- with .resources | default $.settings.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
      {{- include "tpa.volumeMounts" $root | nindent 6 }}
  {{- with .sidecars }}
  {{- tpl (toYaml .) $root | nindent 2 }}
  {{- end }}
volumes:
  {{- include "tpa.volumes" $root | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tpa.certificatesMount" -}}
# Not below /usr/local/share/ca-certificates, where volumes of your own may be mounted.
- name: certificates
  mountPath: /etc/temporal-port-agent/certificates
  readOnly: true
{{- end }}

{{- define "tpa.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "tpa.mapping" . }}
- name: mapping
  mountPath: /etc/temporal-port-agent/mapping
  readOnly: true
{{- end }}
{{- if include "tpa.certificates" . }}
{{ include "tpa.certificatesMount" . }}
{{- end }}
{{- if include "tpa.secretAsFiles" . }}
- name: secrets
  mountPath: /etc/temporal-port-agent/secrets
  readOnly: true
{{- end }}
{{- if .Values.temporal.tls.clientCertSecret }}
- name: temporal-client
  mountPath: /etc/temporal-port-agent/temporal-client
  readOnly: true
{{- end }}
{{- if .Values.temporal.tls.caSecret }}
- name: temporal-ca
  mountPath: /etc/temporal-port-agent/temporal-ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{- define "tpa.certificatesVolume" -}}
- name: certificates
  projected:
    sources:
      {{- with .Values.selfSignedCertificate }}
      {{- if include "tpa.on" .enabled }}
      - secret:
          {{- if include "tpa.on" .secret.useExistingSecret }}
          name: {{ .secret.name }}
          items: [{ key: {{ .secret.key }}, path: cert.crt }]
          {{- else }}
          name: {{ include "tpa.fullname" $ }}-certificate
          items: [{ key: crt, path: cert.crt }]
          {{- end }}
      {{- end }}
      {{- end }}
      {{- range $index, $source := .Values.caBundle }}
      - {{ hasKey $source "secret" | ternary "secret" "configMap" }}:
          name: {{ $source.secret | default $source.configMap }}
          items: [{ key: {{ $source.key | default "ca.crt" }}, path: ca-{{ $index }}.crt }]
      {{- end }}
{{- end }}

{{- define "tpa.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if include "tpa.mapping" . }}
- name: mapping
  configMap:
    name: {{ .Values.controlThePayloadConfigMap.name | default (printf "%s-mapping" (include "tpa.fullname" .)) }}
    items:
      - key: {{ .Values.controlThePayloadConfigMap.key }}
        path: control_the_payload_config.json
{{- end }}
{{- if include "tpa.certificates" . }}
{{ include "tpa.certificatesVolume" . }}
{{- end }}
{{- if include "tpa.secretAsFiles" . }}
- name: secrets
  secret:
    secretName: {{ include "tpa.secretName" . }}
{{- end }}
{{- with .Values.temporal.tls.clientCertSecret }}
- name: temporal-client
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.temporal.tls.caSecret }}
- name: temporal-ca
  secret:
    secretName: {{ . }}
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- with .Values.extraVolumes }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}
