// SPDX-License-Identifier: Apache-2.0
// The event types that platforms document, as of 2026-11, between blanks and line ends. Operators
// add to them (`known_events`).
// Thread: any (immutable).
#pragma once

#include <string_view>

namespace edgehold::known_events {

// QQ bot: `t` of a dispatch.
extern const std::string_view kQq;
// DingTalk robot: `msgtype`.
extern const std::string_view kDingtalkRobot;
// DingTalk event subscription: `EventType`.
extern const std::string_view kDingtalkEvent;
// WeCom app callbacks: `MsgType`, or `Event` and where it has kinds `.ChangeType`, or `InfoType`.
extern const std::string_view kWecom;
// WeCom AI bot: `msgtype`, or `event.eventtype`.
extern const std::string_view kWecomBot;
// WeChat official account and mini program: `MsgType` or `Event`.
extern const std::string_view kWechat;
// Feishu: `header.event_type`, of version 1 `event.type`.
extern const std::string_view kFeishu;
// Slack: `event.type`, the type of an interaction, `slash_command`.
extern const std::string_view kSlack;
// Telegram: the kinds of an update.
extern const std::string_view kTelegram;
// Discord: names of interaction types, `event.type` of webhook events.
extern const std::string_view kDiscord;
// LINE: `type` of an event.
extern const std::string_view kLine;
// WhatsApp: `field` of a change.
extern const std::string_view kWhatsapp;
// Teams: the types of an activity.
extern const std::string_view kTeams;
// GitHub: X-GitHub-Event.
extern const std::string_view kGithub;
// Stripe: `type`.
extern const std::string_view kStripe;

}  // namespace edgehold::known_events
