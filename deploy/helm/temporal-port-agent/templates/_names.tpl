{{/* Names and labels. All helpers begin with `tpa.`: Helm shares them with the charts around this one. */}}

{{/*
Start of all names. At most 38 characters: a StatefulSet's name ends up in a label with 11 more, and ours add 13.
Deployments, Secrets and ConfigMaps get a suffix: none meets one of the port-agent chart, whose selector and type
can't be changed in place.
*/}}
{{- define "tpa.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
  {{- $short := default "port-agent" .Values.nameOverride -}}
  {{- $name = contains $short .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $short) -}}
{{- end -}}
{{- if gt (len $name) 38 -}}
  {{- $name = printf "%s-%s" (trunc 29 $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- define "tpa.devServerName" -}}
{{ include "tpa.fullname" . }}-temporal-dev
{{- end }}

{{/* What never changes between upgrades. Takes (list $ component). */}}
{{- define "tpa.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of an object. Takes (list $ component). */}}
{{- define "tpa.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "tpa.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- range $name, $value := $root.Values.extraLabels }}
{{ $name }}: {{ include "tpa.text" $value | quote }}
{{- end }}
{{- end }}

{{- define "tpa.serviceAccountName" -}}
{{ default (include "tpa.fullname" .) .Values.podServiceAccount.name }}
{{- end }}

{{- define "tpa.secretName" -}}
{{ default (printf "%s-env" (include "tpa.fullname" .)) .Values.secret.name }}
{{- end }}

{{/* "true" or nothing: what comes through `--set-string` or Argo CD's parameters is a text. */}}
{{- define "tpa.on" -}}
{{- if eq (toString .) "true" -}}true{{- end -}}
{{- end }}

{{/* A value as text. Numbers of a values file are floating point: 12345678 would become 1.2345678e+07. */}}
{{- define "tpa.text" -}}
{{- if kindIs "float64" . -}}
  {{- eq (floor .) . | ternary (printf "%.0f" .) (toString .) -}}
{{- else if not (kindIs "invalid" .) -}}
  {{- toString . -}}
{{- end -}}
{{- end }}

{{/* An image. Takes an `image` value and the tag to use when none is given. */}}
{{- define "tpa.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default (index . 1) (include "tpa.text" $image.tag) }}
{{- end -}}
{{- end }}

{{/* Labels of the agent's pods. Takes (list $ component). */}}
{{- define "tpa.podLabels" -}}
{{- $labels := include "tpa.selectorLabels" . | fromYaml -}}
{{- range $given := list (index . 0).Values.extraLabels (index . 0).Values.podLabels -}}
  {{- range $name, $value := $given -}}
    {{- if not (hasKey $labels $name) -}}{{- $_ := set $labels $name (include "tpa.text" $value) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- toYaml $labels -}}
{{- end }}
