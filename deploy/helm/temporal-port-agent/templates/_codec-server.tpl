{{/* What the codec server gets: of the agent's variables and volumes, only what it reads (config/codec-server.ts). */}}

{{- define "tpa.codecServerName" -}}
{{ include "tpa.fullname" . }}-codec-server
{{- end }}

{{/* One of codecServer.env as text. Takes (list $ name). */}}
{{- define "tpa.codecServerValueOf" -}}
{{- include "tpa.text" (get (default dict (index . 0).Values.codecServer.env) (index . 1)) -}}
{{- end }}

{{/* The issuer of tokens: all that the codec server calls. */}}
{{- define "tpa.codecServerIssuer" -}}
{{- include "tpa.codecServerValueOf" (list . "CODEC_SERVER_OIDC_ISSUER") -}}
{{- end }}

{{/* Names of the agent's variables that are the codec server's too. */}}
{{- define "tpa.codecServerReads" -}}
{{- $names := list "CODEC_KEYS" "CODEC_SERVER_TOKEN" "HEALTH_PORT" "LOG_LEVEL" "TEMPORAL_NAMESPACE" -}}
{{- if include "tpa.codecServerIssuer" . -}}
  {{- $names = concat $names (list "HTTP_PROXY" "HTTPS_PROXY" "ALL_PROXY" "NO_PROXY" "http_proxy" "https_proxy" "all_proxy" "no_proxy") -}}
  {{- $names = concat $names (list "REQUESTS_CA_BUNDLE" "CURL_CA_BUNDLE" "SSL_CERT_FILE" "SSL_CERT_DIR" "NODE_EXTRA_CA_CERTS" "CA_BUNDLE_ONLY") -}}
{{- end -}}
{{- toYaml $names -}}
{{- end }}

{{/* A variable from a Secret of yours, optional where the Secret may lack it. Takes (list $ name secret). */}}
{{- define "tpa.codecServerFromSecret" -}}
{{- $name := index . 1 -}}
{{- $variable := include "tpa.fromSecret" (list $name (index . 2) $name) | fromYaml -}}
{{- $withoutIssuer := include "tpa.codecServerIssuer" (index . 0) | empty -}}
{{- if not (or (eq $name "CODEC_KEYS") (and (eq $name "CODEC_SERVER_TOKEN") $withoutIssuer)) -}}
  {{- $_ := set $variable.valueFrom.secretKeyRef "optional" true -}}
{{- end -}}
{{- toYaml $variable -}}
{{- end }}

{{/*
The list of its variables, each name once. Later ones win: the agent's Secret, the agent's other variables,
codecServer.secretName, codecServer.env, the chart's own.
*/}}
{{- define "tpa.codecServerEnv" -}}
{{- $settings := .Values.codecServer -}}
{{- $reads := include "tpa.codecServerReads" . | fromYamlArray -}}
{{- $made := include "tpa.secretVariables" . | fromYaml -}}
{{- $secret := include "tpa.secretName" . -}}
{{- $variables := dict -}}
{{- range $name := $reads -}}
  {{- if include "tpa.existingSecret" $ -}}
    {{- $_ := set $variables $name (include "tpa.codecServerFromSecret" (list $ $name $secret) | fromYaml) -}}
  {{- else if hasKey $made $name -}}
    {{- $_ := set $variables $name (include "tpa.fromSecret" (list $name $secret $name) | fromYaml) -}}
  {{- end -}}
{{- end -}}
{{- range include "tpa.env" (list . dict) | fromYamlArray -}}
  {{- if has .name $reads -}}{{- $_ := set $variables .name . -}}{{- end -}}
{{- end -}}
{{- if $settings.secretName -}}
  {{- range $name := list "CODEC_KEYS" "CODEC_SERVER_TOKEN" -}}
    {{- $_ := set $variables $name (include "tpa.codecServerFromSecret" (list $ $name $settings.secretName) | fromYaml) -}}
  {{- end -}}
{{- end -}}
{{- $set := dict "CODEC_SERVER_PORT" (int $settings.port) -}}
{{- if $settings.tls.secretName -}}
  {{- $_ := set $set "CODEC_SERVER_TLS_CERT_PATH" "/etc/temporal-port-agent/codec-server-tls/tls.crt" -}}
  {{- $_ := set $set "CODEC_SERVER_TLS_KEY_PATH" "/etc/temporal-port-agent/codec-server-tls/tls.key" -}}
{{- end -}}
{{- range $name, $value := merge $set (default dict $settings.env) -}}
  {{- with include "tpa.text" $value -}}
    {{- $_ := set $variables $name (dict "name" $name "value" (replace "$" "$$" .)) -}}
  {{- end -}}
{{- end -}}
{{- $all := list -}}
{{- range $name := keys $variables | sortAlpha -}}{{- $all = append $all (get $variables $name) -}}{{- end -}}
{{- toYaml $all -}}
{{- end }}

{{/* "true" if it needs the certificates of selfSignedCertificate and caBundle. */}}
{{- define "tpa.codecServerCertificates" -}}
{{- if include "tpa.codecServerIssuer" . -}}{{- include "tpa.certificates" . -}}{{- end -}}
{{- end }}

{{/* Of extraVolumeMounts, those where a variable of its own points, or where the issuer's CA is looked for. */}}
{{- define "tpa.codecServerExtraMounts" -}}
{{- $paths := list -}}
{{- if include "tpa.codecServerIssuer" . -}}{{- $paths = list "/usr/local/share/ca-certificates" -}}{{- end -}}
{{- range include "tpa.codecServerEnv" . | fromYamlArray -}}
  {{- if hasPrefix "/" (default "" .value) -}}{{- $paths = concat $paths (splitList ":" .value) -}}{{- end -}}
{{- end -}}
{{- $mounts := list -}}
{{- range $mount := tpl (toYaml (default list .Values.extraVolumeMounts)) . | fromYamlArray -}}
  {{- $place := printf "%s/" (trimSuffix "/" $mount.mountPath) -}}
  {{- $isNamed := false -}}
  {{- range $path := $paths -}}
    {{- $path = printf "%s/" (trimSuffix "/" $path) -}}
    {{- if or (hasPrefix $place $path) (hasPrefix $path $place) -}}{{- $isNamed = true -}}{{- end -}}
  {{- end -}}
  {{- if $isNamed -}}{{- $mounts = append $mounts $mount -}}{{- end -}}
{{- end -}}
{{- toYaml $mounts -}}
{{- end }}

{{- define "tpa.codecServerVolumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "tpa.codecServerCertificates" . }}
{{ include "tpa.certificatesMount" . }}
{{- end }}
{{- if .Values.codecServer.tls.secretName }}
- name: codec-server-tls
  mountPath: /etc/temporal-port-agent/codec-server-tls
  readOnly: true
{{- end }}
{{- with include "tpa.codecServerExtraMounts" . | fromYamlArray }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tpa.codecServerVolumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if include "tpa.codecServerCertificates" . }}
{{ include "tpa.certificatesVolume" . }}
{{- end }}
{{- with .Values.codecServer.tls.secretName }}
- name: codec-server-tls
  secret:
    secretName: {{ . }}
    items:
      - { key: tls.crt, path: tls.crt }
      - { key: tls.key, path: tls.key }
{{- end }}
{{- $mounted := list -}}
{{- range include "tpa.codecServerExtraMounts" . | fromYamlArray -}}{{- $mounted = append $mounted .name -}}{{- end -}}
{{- range tpl (toYaml (default list .Values.extraVolumes)) . | fromYamlArray }}
{{- if has .name $mounted }}
{{ toYaml (list .) }}
{{- end }}
{{- end }}
{{- end }}
