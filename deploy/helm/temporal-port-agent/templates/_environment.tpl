{{/* The environment of both processes. */}}

{{/* env.normal as texts; what is null is left out. */}}
{{- define "tpa.plainVariables" -}}
{{- $plain := dict -}}
{{- range $name, $value := (.Values.env).normal -}}
  {{- if not (kindIs "invalid" $value) -}}{{- $_ := set $plain $name (include "tpa.text" $value) -}}{{- end -}}
{{- end -}}
{{- /* Empty in values.yaml only to be seen there; a Secret may have them. */ -}}
{{- range $name := list "PORT_ORG_ID" "KAFKA_CONSUMER_GROUP_ID" -}}
  {{- if not (get $plain $name) -}}{{- $_ := unset $plain $name -}}{{- end -}}
{{- end -}}
{{- toYaml $plain -}}
{{- end }}

{{/* Whether the chart makes the Secret of env.secret. */}}
{{- define "tpa.makesSecret" -}}
{{- if not (include "tpa.existingSecret" .) -}}
  {{- if include "tpa.secretVariables" . | fromYaml -}}true{{- end -}}
{{- end -}}
{{- end }}

{{/* env.secret without what is null or empty, or in env.normal as well, which wins. */}}
{{- define "tpa.secretVariables" -}}
{{- $secret := dict -}}
{{- $plain := include "tpa.plainVariables" . | fromYaml -}}
{{- range $name, $value := (.Values.env).secret -}}
  {{- if and (include "tpa.text" $value) (not (hasKey $plain $name)) -}}{{- $_ := set $secret $name (include "tpa.text" $value) -}}{{- end -}}
{{- end -}}
{{- toYaml $secret -}}
{{- end }}

{{/* extraEnv of both processes as a list. */}}
{{- define "tpa.extraEnv" -}}
{{- tpl (toYaml (default list .Values.extraEnv)) . -}}
{{- end }}

{{/* The value of one variable, where it can be read from the values. Takes (list $ name). */}}
{{- define "tpa.valueOf" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $value := get (include "tpa.plainVariables" $root | fromYaml) $name -}}
{{- range include "tpa.extraEnv" $root | fromYamlArray -}}
  {{- if eq .name $name -}}{{- $value = default "" .value -}}{{- end -}}
{{- end -}}
{{- $value -}}
{{- end }}

{{/* "true" if the values set a variable, in whichever way. Takes (list $ name). */}}
{{- define "tpa.sets" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $found := or (get (include "tpa.plainVariables" $root | fromYaml) $name) (hasKey (include "tpa.secretVariables" $root | fromYaml) $name) -}}
{{- range include "tpa.extraEnv" $root | fromYamlArray -}}
  {{- if eq .name $name -}}{{- $found = true -}}{{- end -}}
{{- end -}}
{{- if $found -}}true{{- end -}}
{{- end }}

{{/* "true" if Temporal's development server is installed. */}}
{{- define "tpa.devServer" -}}
{{- if not (or .Values.temporal.address (include "tpa.sets" (list . "TEMPORAL_ADDRESS"))) -}}true{{- end -}}
{{- end }}

{{- define "tpa.temporalNamespace" -}}
{{- or .Values.temporal.namespace (include "tpa.valueOf" (list . "TEMPORAL_NAMESPACE")) "default" -}}
{{- end }}

{{/* The task queue as config/config.ts settles it; empty if it can't be read from the values. */}}
{{- define "tpa.taskQueue" -}}
{{- $queue := .Values.temporal.taskQueue -}}
{{- range list "TEMPORAL_TASK_QUEUE" "KAFKA_CONSUMER_GROUP_ID" "PORT_ORG_ID" -}}
  {{- $queue = or $queue (include "tpa.valueOf" (list $ .)) -}}
{{- end -}}
{{- $queue -}}
{{- end }}

{{/* Seconds a call may take, from WEBHOOK_INVOKER_TIMEOUT. */}}
{{- define "tpa.callSeconds" -}}
{{- include "tpa.valueOf" (list . "WEBHOOK_INVOKER_TIMEOUT") | default "30" | float64 | ceil | int -}}
{{- end }}

{{- define "tpa.healthPort" -}}
{{- include "tpa.valueOf" (list . "HEALTH_PORT") | default (toString .Values.health.port) | int -}}
{{- end }}

{{/* Where the mapping file is: the chart's, else wherever the values say. */}}
{{- define "tpa.mapping" -}}
{{- if or .Values.controlThePayloadConfig .Values.controlThePayloadConfigMap.name -}}
/etc/temporal-port-agent/mapping/control_the_payload_config.json
{{- end -}}
{{- end }}

{{/*
A path of the values' own wins over the chart's mapping, as before; but the file's old place in the old image is
no longer there, and means the same file.
*/}}
{{- define "tpa.mappingPath" -}}
{{- $own := include "tpa.valueOf" (list . "CONTROL_THE_PAYLOAD_CONFIG_PATH") -}}
{{- $asBefore := has $own (list "" "./control_the_payload_config.json" "control_the_payload_config.json" "/app/control_the_payload_config.json") -}}
{{- $asBefore | ternary (include "tpa.mapping" .) $own -}}
{{- end }}

{{/* "true" if there are certificates to mount. */}}
{{- define "tpa.certificates" -}}
{{- if or (include "tpa.on" .Values.selfSignedCertificate.enabled) .Values.caBundle -}}true{{- end -}}
{{- end }}

{{/* What the chart itself sets. */}}
{{- define "tpa.chartVariables" -}}
{{- $set := dict "HEALTH_PORT" (include "tpa.healthPort" .) -}}
{{- with .Values.temporal -}}
  {{- $_ := set $set "TEMPORAL_ADDRESS" .address -}}
  {{- $_ := set $set "TEMPORAL_NAMESPACE" .namespace -}}
  {{- $_ := set $set "TEMPORAL_TASK_QUEUE" .taskQueue -}}
  {{- $_ := set $set "TEMPORAL_UI_URL" .uiUrl -}}
  {{- $_ := set $set "TEMPORAL_TLS" (include "tpa.on" .tls.enabled) -}}
  {{- $_ := set $set "TEMPORAL_TLS_SERVER_NAME" .tls.serverName -}}
  {{- if .tls.clientCertSecret -}}
    {{- $_ := set $set "TEMPORAL_TLS_CLIENT_CERT_PATH" "/etc/temporal-port-agent/temporal-client/tls.crt" -}}
    {{- $_ := set $set "TEMPORAL_TLS_CLIENT_KEY_PATH" "/etc/temporal-port-agent/temporal-client/tls.key" -}}
  {{- end -}}
  {{- if .tls.caSecret -}}
    {{- $_ := set $set "TEMPORAL_TLS_SERVER_CA_CERT_PATH" "/etc/temporal-port-agent/temporal-ca/ca.crt" -}}
  {{- end -}}
{{- end -}}
{{- if include "tpa.devServer" . -}}
  {{- $_ := set $set "TEMPORAL_ADDRESS" (printf "%s:7233" (include "tpa.devServerName" .)) -}}
{{- end -}}
{{- $_ := set $set "CONTROL_THE_PAYLOAD_CONFIG_PATH" (include "tpa.mappingPath" .) -}}
{{- if include "tpa.certificates" . -}}
  {{- $dirs := list (include "tpa.valueOf" (list . "SSL_CERT_DIR")) "/etc/temporal-port-agent/certificates" -}}
  {{- $_ := set $set "SSL_CERT_DIR" (join ":" (compact $dirs)) -}}
{{- end -}}
{{- if include "tpa.secretAsFiles" . -}}
  {{- $_ := set $set "SECRETS_DIR" "/etc/temporal-port-agent/secrets" -}}
{{- end -}}
{{- range $name := keys $set -}}
  {{- if not (get $set $name) -}}{{- $_ := unset $set $name -}}{{- end -}}
{{- end -}}
{{- toYaml $set -}}
{{- end }}

{{/* "true" if the Secret's keys come as files instead of as variables. */}}
{{- define "tpa.secretAsFiles" -}}
{{- include "tpa.on" .Values.secret.asFiles -}}
{{- end }}

{{/* "true" if a Secret exists that the chart does not make. */}}
{{- define "tpa.existingSecret" -}}
{{- or (include "tpa.on" .Values.secret.useExistingSecret) (include "tpa.on" .Values.externalSecret.enabled) -}}
{{- end }}

{{/*
The list of a container's variables, each name once: Helm 4 refuses a name that comes twice. Later ones win:
env.secret, env.normal (as it did in the old chart), the chart's own, extraEnv, the component's extraEnv.
Takes (list $ component's values).
*/}}
{{- define "tpa.env" -}}
{{- $root := index . 0 -}}
{{- $variables := dict -}}
{{- if and (include "tpa.makesSecret" $root) (not (include "tpa.secretAsFiles" $root)) -}}
  {{- range $name, $_ := include "tpa.secretVariables" $root | fromYaml -}}
    {{- $_ := set $variables $name (include "tpa.fromSecret" (list $name (include "tpa.secretName" $root) $name) | fromYaml) -}}
  {{- end -}}
{{- end -}}
{{- $plain := include "tpa.plainVariables" $root | fromYaml -}}
{{- range $name, $value := merge (include "tpa.chartVariables" $root | fromYaml) $plain -}}
  {{- /* Kubernetes would expand $(NAME), and make $$ a single one. */ -}}
  {{- $_ := set $variables $name (dict "name" $name "value" (replace "$" "$$" $value)) -}}
{{- end -}}
{{- with $root.Values.temporal.apiKeySecret -}}
  {{- if .name -}}
    {{- $_ := set $variables "TEMPORAL_API_KEY" (include "tpa.fromSecret" (list "TEMPORAL_API_KEY" .name .key) | fromYaml) -}}
  {{- end -}}
{{- end -}}
{{- /* These stay in their order: one may name an earlier one as $(NAME). */ -}}
{{- $extra := list -}}
{{- range concat (include "tpa.extraEnv" $root | fromYamlArray) (tpl (toYaml (default list (index . 1).extraEnv)) $root | fromYamlArray) -}}
  {{- $name := .name -}}
  {{- $_ := unset $variables $name -}}
  {{- $others := list -}}
  {{- range $extra -}}{{- if ne .name $name -}}{{- $others = append $others . -}}{{- end -}}{{- end -}}
  {{- $extra = append $others . -}}
{{- end -}}
{{- $all := list -}}
{{- range $name := keys $variables | sortAlpha -}}{{- $all = append $all (get $variables $name) -}}{{- end -}}
{{- concat $all $extra | toYaml -}}
{{- end }}

{{/* A variable from a Secret. Takes (list $name $secret $key). */}}
{{- define "tpa.fromSecret" -}}
name: {{ index . 0 | quote }}
valueFrom:
  secretKeyRef:
    name: {{ index . 1 | quote }}
    key: {{ index . 2 | quote }}
{{- end }}

{{/* Secrets and ConfigMaps taken whole. */}}
{{- define "tpa.envFrom" -}}
{{- $from := default list .Values.extraEnvFrom -}}
{{- if and (include "tpa.existingSecret" .) (not (include "tpa.secretAsFiles" .)) -}}
  {{- $from = prepend $from (dict "secretRef" (dict "name" (include "tpa.secretName" .))) -}}
{{- end -}}
{{- with $from -}}{{- toYaml . -}}{{- end -}}
{{- end }}
