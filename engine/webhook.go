package engine

import (
	"context"
)

// Webhook is where replies for a channel type are pushed.
type Webhook struct {
	ID          string
	ChannelType string
	URL         string
	// Secret signs each request; "" leaves them unsigned. It is never shown.
	Secret  string
	Enabled bool
}

// Webhooks keeps webhooks, one at most for each channel type. Its methods may
// be called concurrently.
type Webhooks interface {
	// SaveWebhook makes, or replaces the one of its id. Another one with its
	// channel type is CodeConflict.
	SaveWebhook(ctx context.Context, w Webhook) error
	// RemoveWebhook reports whether there was one.
	RemoveWebhook(ctx context.Context, id string) (bool, error)
	// Webhooks lists by channel type.
	Webhooks(ctx context.Context) ([]Webhook, error)
}

// SetWebhookInput makes or changes a webhook: the one of the ID, else the one
// of the channel type. What is nil stays as it is; a new one is enabled.
type SetWebhookInput struct {
	ID          *string
	ChannelType string
	URL         string
	Secret      *string
	Enabled     *bool
}

const (
	minSecretBytes = 16
	maxSecretBytes = 256
	maxURLBytes    = 2048
)

// SetWebhook stores a webhook. Replies that wait for its channel type are
// pushed to it from now on.
func (e *Engine) SetWebhook(ctx context.Context, in SetWebhookInput) (Webhook, error) {
	done, err := e.begin()
	if err != nil {
		return Webhook{}, err
	}
	defer done()
	if e.sender == nil {
		return Webhook{}, Errorf(CodeUnavailable, "this engine pushes no replies")
	}
	err = first(checkText("channelType", in.ChannelType, maxChannelTypeBytes), checkText("url", in.URL, maxURLBytes))
	if err == nil && in.ChannelType == wayAgent {
		err = InvalidField("channelType", "replies of channel type %q go to agents", wayAgent)
	}
	if err == nil && in.Secret != nil && *in.Secret != "" && (len(*in.Secret) < minSecretBytes || len(*in.Secret) > maxSecretBytes) {
		err = InvalidField("secret", "a secret has %d to %d bytes", minSecretBytes, maxSecretBytes)
	}
	if err == nil {
		err = withField(e.sender.Check(in.URL), "url")
	}
	if err != nil {
		return Webhook{}, err
	}
	e.changingWebhooks.Lock()
	defer e.changingWebhooks.Unlock()
	w, err := e.webhookToSet(ctx, in)
	if err != nil {
		return Webhook{}, err
	}
	w.ChannelType, w.URL = in.ChannelType, in.URL
	if in.Secret != nil {
		w.Secret = *in.Secret
	}
	if in.Enabled != nil {
		w.Enabled = *in.Enabled
	}
	if err := e.registry.SaveWebhook(ctx, w); err != nil {
		return Webhook{}, err
	}
	return w, e.wakeUnsettled(ctx)
}

func (e *Engine) webhookToSet(ctx context.Context, in SetWebhookInput) (Webhook, error) {
	all, err := e.registry.Webhooks(ctx)
	if err != nil {
		return Webhook{}, err
	}
	for _, w := range all {
		if in.ID == nil && w.ChannelType == in.ChannelType || in.ID != nil && w.ID == *in.ID {
			return w, nil
		}
	}
	if in.ID == nil {
		return Webhook{ID: newID("wh-"), Enabled: true}, nil
	}
	if err := checkSafeID("id", *in.ID); err != nil {
		return Webhook{}, err
	}
	return Webhook{ID: *in.ID, Enabled: true}, nil
}

// RemoveWebhook removes a webhook, if there is one of that id. Replies for its
// channel type wait to be pulled.
func (e *Engine) RemoveWebhook(ctx context.Context, id string) (bool, error) {
	done, err := e.begin()
	if err != nil {
		return false, err
	}
	defer done()
	e.changingWebhooks.Lock()
	defer e.changingWebhooks.Unlock()
	return e.registry.RemoveWebhook(ctx, id)
}

// Webhooks lists webhooks by channel type.
func (e *Engine) Webhooks(ctx context.Context) ([]Webhook, error) {
	return e.registry.Webhooks(ctx)
}

// webhooksByType are those that replies are pushed to.
func (e *Engine) webhooksByType(ctx context.Context) (map[string]Webhook, error) {
	if e.sender == nil {
		return nil, nil
	}
	all, err := e.registry.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	byType := make(map[string]Webhook, len(all))
	for _, w := range all {
		if w.Enabled {
			byType[w.ChannelType] = w
		}
	}
	return byType, nil
}
