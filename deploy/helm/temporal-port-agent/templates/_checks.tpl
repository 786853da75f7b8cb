{{/* What is wrong with the values: each helper writes lines, each with a key and its remedy. All are shown at once. */}}

{{- define "tpa.problems" -}}
{{- $lines := list -}}
{{- range $check := list "image" "environment" "required" "files" "temporal" "scale" "codecServer" -}}
  {{- range splitList "\n" (include (printf "tpa.%sProblems" $check) $) -}}
    {{- with trim . -}}{{- $lines = append $lines (printf "  - %s" .) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end }}

{{- define "tpa.imageProblems" -}}
{{- with .Values.image }}
{{- if eq (base .repository) "port-agent" }}
image.repository: {{ .repository }} is the old agent, which this chart can't run. In your values, change the line to `repository: temporal-port-agent` (or your copy of that image) and remove image.tag; with --reuse-values it came from the old chart: use --reset-then-reuse-values
{{- else if regexMatch "^v0[.][0-9]+[.][0-9]+$" (toString .tag) }}
image.tag: {{ .tag }} is a version of the old agent, whose image this chart can't run. Remove the line from your values
{{- end }}
{{- end }}
{{- end }}

{{- define "tpa.environmentProblems" -}}
{{- $digitsFirst := semverCompare ">=1.32.0-0" .Capabilities.KubeVersion.Version -}}
{{- $env := default dict .Values.env }}
{{- range $part, $variables := dict "env.normal" $env.normal "env.secret" $env.secret "codecServer.env" .Values.codecServer.env }}
{{- range $name, $value := $variables }}
{{- $key := printf "%s.%s" $part $name }}
{{- if or (kindIs "map" $value) (kindIs "slice" $value) }}
{{ $key }}: must be a text. A dot in a name is written `\.` with --set: {{ $part }}.my\.name=…
{{- else if and (kindIs "float64" $value) (gt (float64 $value) 9007199254740991.0) }}
{{ $key }}: such a long number loses digits; put it in quotes, or use --set-string
{{- else if and (eq $part "env.secret") (not (kindIs "invalid" $value)) (not (kindIs "string" $value)) }}
{{ $key }}: is a number or a switch, and may have lost what you wrote, such as zeros in front; put it in quotes, or use --set-string
{{- end }}
{{- if contains "/" $name }}
{{ $key }}: `/` can't be in a name; for a trigger token write <group>_<project>, with `_` for each `/` of the group
{{- else if not (regexMatch "^[-._a-zA-Z0-9]+$" $name) }}
{{ $key }}: a name has letters, digits, `-`, `_` and `.` only
{{- else if and (regexMatch "^[0-9]" $name) (not $digitsFirst) (not (and (eq $part "env.secret") (include "tpa.secretAsFiles" $))) }}
{{ $key }}: Kubernetes before 1.32 takes no variable that starts with a digit; keep it in env.secret and set secret.asFiles=true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Nothing can be said about what a Secret or ConfigMap of yours holds. */}}
{{- define "tpa.requiredProblems" -}}
{{- if not (or (include "tpa.existingSecret" .) .Values.extraEnvFrom) }}
{{- if not (include "tpa.sets" (list . "PORT_ORG_ID")) }}
env.normal.PORT_ORG_ID: is missing; copy it from Port under Settings > Organization
{{- end }}
{{- if and (not (include "tpa.sets" (list . "KAFKA_CONSUMER_GROUP_ID"))) (hasPrefix "KAFKA" (include "tpa.valueOf" (list . "STREAMER_NAME") | default "KAFKA" | upper)) }}
env.normal.KAFKA_CONSUMER_GROUP_ID: is missing; keep the old agent's, or choose one that starts with your organization id and a dot
{{- end }}
{{- range list "PORT_CLIENT_ID" "PORT_CLIENT_SECRET" }}
{{- if not (include "tpa.sets" (list $ .)) }}
env.secret.{{ . }}: is missing; copy it from Port under Settings > Credentials > Organization, or name a Secret that has it: secret.name with secret.useExistingSecret=true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Secrets, mappings, certificates. */}}
{{- define "tpa.filesProblems" -}}
{{- with .Values.secret }}
{{- if and (include "tpa.on" .useExistingSecret) (not .name) }}
secret.name: is missing; secret.useExistingSecret=true needs the name of the Secret
{{- end }}
{{- if and (include "tpa.on" .useExistingSecret) (include "tpa.on" $.Values.externalSecret.enabled) }}
externalSecret.enabled: creates the Secret; remove it, or secret.useExistingSecret
{{- end }}
{{- end }}
{{- with .Values.controlThePayloadConfig }}
{{- if $.Values.controlThePayloadConfigMap.name }}
controlThePayloadConfigMap.name: there is controlThePayloadConfig as well; remove one of them
{{- end }}
{{- if kindIs "string" . }}
{{- $list := fromJsonArray . }}
{{- $isList := not (and (eq (len $list) 1) (kindIs "string" (first $list))) }}
{{- if not (or $isList (not (hasKey (fromJson .) "Error"))) }}
controlThePayloadConfig: is not JSON ({{ hasPrefix "[" (trim .) | ternary (first $list) (get (fromJson .) "Error") | replace "\n" " " }}); look for a missing comma or a quote that is not written \"
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.selfSignedCertificate }}
{{- if include "tpa.on" .enabled }}
{{- if and (include "tpa.on" .secret.useExistingSecret) (not .secret.name) }}
selfSignedCertificate.secret.name: is missing; useExistingSecret=true needs the name of the Secret
{{- end }}
{{- if not (or (include "tpa.on" .secret.useExistingSecret) (contains "-----BEGIN" .certificate)) }}
selfSignedCertificate.certificate: must be the PEM text of a certificate: --set-file selfSignedCertificate.certificate=ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- range $index, $source := .Values.caBundle }}
{{- if not (or $source.secret $source.configMap) }}
caBundle[{{ $index }}]: names neither a secret nor a configMap
{{- end }}
{{- end }}
{{- end }}

{{- define "tpa.temporalProblems" -}}
{{- range $name, $key := dict "TEMPORAL_ADDRESS" "address" "TEMPORAL_NAMESPACE" "namespace" "TEMPORAL_TASK_QUEUE" "taskQueue" }}
{{- $ours := get $.Values.temporal $key }}
{{- $theirs := include "tpa.valueOf" (list $ $name) }}
{{- if and $ours $theirs (ne $ours $theirs) }}
temporal.{{ $key }}: {{ $ours }}, but {{ $name }} says {{ $theirs }}; remove one of them
{{- end }}
{{- end }}
{{- $address := .Values.temporal.address | default (include "tpa.valueOf" (list . "TEMPORAL_ADDRESS")) }}
{{- if contains "/" $address }}
temporal.address: {{ $address }} is not host:port; leave out `https://` and the path
{{- end }}
{{- if include "tpa.devServer" . }}
{{- $tls := .Values.temporal.tls }}
{{- if or .Values.temporal.apiKeySecret.name (include "tpa.on" $tls.enabled) $tls.clientCertSecret $tls.caSecret (include "tpa.sets" (list . "TEMPORAL_API_KEY")) }}
temporal.address: is missing; the credentials for Temporal are there, but not where it is
{{- end }}
{{- end }}
{{- end }}

{{- define "tpa.scaleProblems" -}}
{{- $needed := add (include "tpa.callSeconds" .) 20 }}
{{- if lt (include "tpa.workerGrace" . | int) (int $needed) }}
worker.terminationGracePeriodSeconds: calls may take {{ include "tpa.callSeconds" . }} s (WEBHOOK_INVOKER_TIMEOUT) and are reported afterwards; at least {{ $needed }}, or leave it empty
{{- end }}
{{- range $component := list "worker" "ingester" }}
{{- with (index $.Values $component).autoscaling }}
{{- if and .type (lt (int .minReplicas) 1) }}
{{ $component }}.autoscaling.minReplicas: must be 1 or more; the backlog does not show what is under way
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq .Values.worker.autoscaling.type "keda") (not (include "tpa.taskQueue" .)) }}
temporal.taskQueue: is missing; KEDA has to know it, and it can't be read from the Secret
{{- end }}
{{- if and (eq .Values.ingester.autoscaling.type "keda") (not .Values.ingester.autoscaling.bootstrapServers) }}
ingester.autoscaling.bootstrapServers: is missing; Port tells the brokers to the agent, but not to KEDA
{{- end }}
{{- if and (eq .Values.ingester.autoscaling.type "keda") (not (include "tpa.valueOf" (list . "KAFKA_CONSUMER_GROUP_ID"))) }}
env.normal.KAFKA_CONSUMER_GROUP_ID: is missing; KEDA has to know it, and it can't be read from the Secret
{{- end }}
{{- end }}

{{- define "tpa.codecServerProblems" -}}
{{- with .Values.codecServer }}
{{- if include "tpa.on" .enabled }}
{{- $has := dict }}
{{- range include "tpa.codecServerEnv" $ | fromYamlArray }}{{- $_ := set $has .name true }}{{- end }}
{{- if not $has.CODEC_KEYS }}
codecServer.enabled: CODEC_KEYS is missing; set env.secret.CODEC_KEYS, with which the agent encrypts, or name a Secret that has it: codecServer.secretName
{{- end }}
{{- if not (or $has.CODEC_SERVER_TOKEN $has.CODEC_SERVER_OIDC_ISSUER) }}
codecServer.enabled: nobody could sign in; set env.secret.CODEC_SERVER_TOKEN (openssl rand -hex 32), codecServer.env.CODEC_SERVER_OIDC_ISSUER, or both
{{- end }}
{{- $origins := include "tpa.codecServerValueOf" (list $ "CODEC_SERVER_ALLOWED_ORIGINS") }}
{{- if not $origins }}
codecServer.env.CODEC_SERVER_ALLOWED_ORIGINS: is missing; give the origin of the Temporal UI as in the browser's address bar, such as https://temporal.corp
{{- else if not (regexMatch "^( *https?://[^/*,? ]+/? *(,|$))+$" $origins) }}
codecServer.env.CODEC_SERVER_ALLOWED_ORIGINS: is not a list of origins; write each as https://host or https://host:port
{{- end }}
{{- $issuer := include "tpa.codecServerIssuer" $ }}
{{- if and $issuer (not (hasPrefix "https://" $issuer)) }}
codecServer.env.CODEC_SERVER_OIDC_ISSUER: is not an https address; write it as https://host or https://host/path
{{- end }}
{{- if and $issuer (not $has.CODEC_SERVER_OIDC_AUDIENCE) }}
codecServer.env.CODEC_SERVER_OIDC_AUDIENCE: is missing; set it to the audience of the access tokens that the Temporal UI gets
{{- end }}
{{- range list "CODEC_SERVER_OIDC_AUDIENCE" "CODEC_SERVER_OIDC_CLAIM" }}
{{- if and (get $has .) (not $issuer) }}
codecServer.env.{{ . }}: has no effect without codecServer.env.CODEC_SERVER_OIDC_ISSUER; set that as well, or remove it
{{- end }}
{{- end }}
{{- range $name, $value := .env }}
{{- if or (eq $name "CODEC_SERVER_TOKEN") (and (eq $name "CODEC_KEYS") (not (hasPrefix "/" (toString $value)))) }}
codecServer.env.{{ $name }}: is a secret; move it to env.secret, or into the Secret of codecServer.secretName
{{- else if eq $name "CODEC_SERVER_PORT" }}
codecServer.env.CODEC_SERVER_PORT: remove it, and set codecServer.port
{{- else if eq $name "HEALTH_PORT" }}
codecServer.env.HEALTH_PORT: remove it, and set health.port
{{- end }}
{{- end }}
{{- if eq (int .port) (include "tpa.healthPort" $ | int) }}
codecServer.port: {{ .port }} is health.port, too; change one of them
{{- end }}
{{- end }}
{{- end }}
{{- end }}
